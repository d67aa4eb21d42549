// One function per reason with which results are refused (documented in results.proto).
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

absl::Status ResultNotFound();
absl::Status ResultUnknown();
absl::Status ResultDocumentInvalid();
absl::Status ReplacementInvalid(absl::string_view what);
absl::Status ResultUnderWay();
absl::Status ResultNotValid(absl::string_view state);
absl::Status ResultsExhausted();
absl::Status SigningNotConfigured();
absl::Status VerificationCodeInvalid();
// Of an attempt: what came is no signature of the one that was to sign.
absl::Status SignerWrong();

}  // namespace lgsp::dossiers
