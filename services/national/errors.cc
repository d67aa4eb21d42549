#include "services/national/errors.h"

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::national {

absl::Status FieldInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("PORTAL_FIELD_INVALID", field, what);
}

absl::Status PortalUnavailable(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "PORTAL_UNAVAILABLE",
                   absl::StrCat("the national portal cannot be used: ", what));
}

absl::Status OutcomeUnknown(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "PORTAL_OUTCOME_UNKNOWN",
                   absl::StrCat("the national portal may have taken it or not: ", what));
}

absl::Status LoginRefused(absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PORTAL_LOGIN_REFUSED",
                   absl::StrCat("the national portal refuses our login: ", what));
}

absl::Status CallerDossierMissing() {
  return MakeFieldError("CALLER_DOSSIER_MISSING", "lgsp-dossier",
                        "must name the dossier in whose course the call is made");
}

absl::Status ConfigInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("CONFIG_INVALID", field, what);
}

}  // namespace lgsp::national
