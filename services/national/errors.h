// The errors of lgsp.national.v1.Portal, one function per reason.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lgsp::national {

// INVALID_ARGUMENT PORTAL_FIELD_INVALID: `field` of the request, or of the portal when it refused.
absl::Status FieldInvalid(absl::string_view field, absl::string_view what);

// UNAVAILABLE PORTAL_UNAVAILABLE: nothing was changed by the step that failed. `what` says why,
// without anything the portal wrote.
absl::Status PortalUnavailable(absl::string_view what);

// UNAVAILABLE PORTAL_OUTCOME_UNKNOWN: the step may have taken effect.
absl::Status OutcomeUnknown(absl::string_view what);

// FAILED_PRECONDITION PORTAL_LOGIN_REFUSED.
absl::Status LoginRefused(absl::string_view what);

// INVALID_ARGUMENT CALLER_DOSSIER_MISSING: the call came without `lgsp-dossier`.
absl::Status CallerDossierMissing();

// INVALID_ARGUMENT CONFIG_INVALID: at start only.
absl::Status ConfigInvalid(absl::string_view field, absl::string_view what);

}  // namespace lgsp::national
