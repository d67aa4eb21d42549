// The errors of this service, one function per reason, and findings as statuses.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/evidence/verify.h"

namespace lgsp::evidence {

// DATA_LOSS with FindingName(kind) as its reason: what a source shows is not what its key has
// signed, or not what it has shown before.
absl::Status Found(FindingKind kind, absl::string_view file, absl::string_view what);

// NOT_FOUND EXCHANGE_UNKNOWN, LOG_UNKNOWN.
absl::Status ExchangeUnknown();
absl::Status LogUnknown();
// UNAVAILABLE EVIDENCE_NOT_MIRRORED.
absl::Status NotMirrored();
// PERMISSION_DENIED AUDITOR_REQUIRED.
absl::Status AuditorRequired();
// INVALID_ARGUMENT EXCHANGE_ID_INVALID, TIME_INVALID, FILTER_INVALID, PATH_INVALID, OFFSET_INVALID.
absl::Status ExchangeIdInvalid();
absl::Status TimeInvalid(absl::string_view field, absl::string_view what);
absl::Status FilterInvalid(absl::string_view field);
absl::Status PathInvalid();
absl::Status OffsetInvalid();

// INVALID_ARGUMENT CONFIG_INVALID: at start only.
absl::Status ConfigInvalid(absl::string_view field, absl::string_view what);

}  // namespace lgsp::evidence
