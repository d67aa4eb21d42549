#include "services/dossiers/results/result_errors.h"

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

absl::Status Precondition(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message);
}

}  // namespace

absl::Status ResultNotFound() {
  return MakeError(absl::StatusCode::kNotFound, "RESULT_NOT_FOUND", "no such result");
}

absl::Status ResultUnknown() {
  return MakeError(absl::StatusCode::kNotFound, "RESULT_UNKNOWN",
                   "no result has this code: it was never issued, or was erased");
}

absl::Status ResultDocumentInvalid() {
  return MakeFieldError("RESULT_DOCUMENT_INVALID", "document",
                        "must be a document of this dossier with origin RESULT");
}

absl::Status ReplacementInvalid(absl::string_view what) {
  return MakeFieldError("REPLACEMENT_INVALID", "replacement", what);
}

absl::Status ResultUnderWay() {
  return Precondition("RESULT_UNDER_WAY", "it is being signed, or was signed already");
}

absl::Status ResultNotValid(absl::string_view state) {
  return Precondition("RESULT_NOT_VALID", absl::StrCat("the result is ", state, ", not SIGNED"));
}

absl::Status ResultsExhausted() {
  return Precondition("RESULTS_EXHAUSTED",
                      absl::StrCat("a dossier has at most ", kMaxResults, " results"));
}

absl::Status SigningNotConfigured() {
  return Precondition("SIGNING_NOT_CONFIGURED", "no signing authority is trusted here");
}

absl::Status VerificationCodeInvalid() {
  return MakeFieldError("VERIFICATION_CODE_INVALID", "verification_code",
                        absl::StrCat("must be ", kVerificationCodeLength, " letters and digits"));
}

absl::Status SignerWrong() {
  return Precondition("SIGNER_WRONG", "the signature is of another agency or officer");
}

}  // namespace lgsp::dossiers
