#include "services/national/errors.h"

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/national/limits.h"

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

absl::Status PortalNumberUnknown() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PORTAL_NUMBER_UNKNOWN",
                   "the national portal has no dossier of this number");
}

absl::Status PortalNumberOfAnother() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PORTAL_NUMBER_OF_ANOTHER",
                   "the national portal has another case under this number");
}

absl::Status LoginRefused(absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PORTAL_LOGIN_REFUSED",
                   absl::StrCat("the national portal refuses our login: ", what));
}

absl::Status SigningFieldInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("SIGNING_FIELD_INVALID", field, what);
}

absl::Status SignaturePending() {
  return WithRetryDelay(MakeError(absl::StatusCode::kUnavailable, "SIGNATURE_PENDING",
                                  "the officer has not confirmed the signature yet"),
                        kPendingRetryDelay);
}

absl::Status SigningUnavailable(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "SIGNING_UNAVAILABLE",
                   absl::StrCat("the signing system cannot be used: ", what));
}

absl::Status SignatureRefused() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SIGNATURE_REFUSED",
                   "the officer declined to sign");
}

absl::Status SignerUnknown() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SIGNER_UNKNOWN",
                   "the signing system has no such agency or officer");
}

absl::Status ReferenceReused() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "REFERENCE_REUSED",
                   "the reference stands for another digest or signer at the signing system");
}

absl::Status SigningNotConfigured() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SIGNING_NOT_CONFIGURED",
                   "no signing system is configured");
}

absl::Status CallerDossierMissing() {
  return MakeFieldError("CALLER_DOSSIER_MISSING", "lgsp-dossier",
                        "must name the dossier in whose course the call is made");
}

absl::Status ConfigInvalid(absl::string_view field, absl::string_view what) {
  return MakeFieldError("CONFIG_INVALID", field, what);
}

}  // namespace lgsp::national
