#include "services/evidence/errors.h"

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {

absl::Status Found(FindingKind kind, absl::string_view file, absl::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, FindingName(kind), absl::StrCat(file, ": ", what),
                   {{"file", file}});
}

absl::Status ExchangeUnknown() {
  return MakeError(absl::StatusCode::kNotFound, "EXCHANGE_UNKNOWN",
                   "no call of this id is known here, or it is of others");
}

absl::Status LogUnknown() {
  return MakeError(absl::StatusCode::kNotFound, "LOG_UNKNOWN", "no log of this origin is mirrored");
}

absl::Status NotMirrored() {
  return MakeError(absl::StatusCode::kUnavailable, "EVIDENCE_NOT_MIRRORED",
                   "the records are not mirrored here yet: ask again");
}

absl::Status AuditorRequired() {
  return MakeError(absl::StatusCode::kPermissionDenied, "AUDITOR_REQUIRED",
                   "the call must be for an officer of a named unit with the role auditor");
}

absl::Status ExchangeIdInvalid() {
  return MakeFieldError("EXCHANGE_ID_INVALID", "exchange_id", "must be a UUID in lower case");
}

absl::Status TimeInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("TIME_INVALID", field, what);
}

absl::Status FilterInvalid(absl::string_view field) {
  return MakeFieldError("FILTER_INVALID", field,
                        absl::StrCat("must be at most ", kMaxIndexedText, " bytes without NUL"));
}

absl::Status PathInvalid() {
  return MakeFieldError("PATH_INVALID", "path", "must be minimum-index or the path of a tile");
}

absl::Status OffsetInvalid() {
  return MakeFieldError("OFFSET_INVALID", "offset", "must lie within the file");
}

absl::Status ConfigInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("CONFIG_INVALID", field, what);
}

}  // namespace lgsp::evidence
