// The errors of lgsp.national.v1.Portal and Signing, one function per reason.
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

// FAILED_PRECONDITION PORTAL_NUMBER_UNKNOWN, PORTAL_NUMBER_OF_ANOTHER.
absl::Status PortalNumberUnknown();
absl::Status PortalNumberOfAnother();

// FAILED_PRECONDITION PORTAL_LOGIN_REFUSED.
absl::Status LoginRefused(absl::string_view what);

// INVALID_ARGUMENT SIGNING_FIELD_INVALID: `field` of the request; the system's refusal names none.
absl::Status SigningFieldInvalid(absl::string_view field, absl::string_view what);

// UNAVAILABLE SIGNATURE_PENDING, with RetryInfo.
absl::Status SignaturePending();

// UNAVAILABLE SIGNING_UNAVAILABLE: it may have been signed. `what` says why, without anything the
// system wrote.
absl::Status SigningUnavailable(absl::string_view what);

// FAILED_PRECONDITION SIGNATURE_REFUSED, SIGNER_UNKNOWN, REFERENCE_REUSED, SIGNING_NOT_CONFIGURED.
absl::Status SignatureRefused();
absl::Status SignerUnknown();
absl::Status ReferenceReused();
absl::Status SigningNotConfigured();

// INVALID_ARGUMENT CALLER_DOSSIER_MISSING: the call came without `lgsp-dossier`.
absl::Status CallerDossierMissing();

// INVALID_ARGUMENT CONFIG_INVALID: at start only.
absl::Status ConfigInvalid(absl::string_view field, absl::string_view what);

}  // namespace lgsp::national
