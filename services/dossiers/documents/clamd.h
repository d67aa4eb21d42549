// A malware scanner that speaks clamd's protocol (INSTREAM), on a socket of its own per scan.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::dossiers {

enum class ScanVerdict { kClean, kInfected, kTooLarge };

// INVALID_ARGUMENT SCANNER_ADDRESS_INVALID: neither `unix:/path` nor `tcp:host:port`.
absl::Status CheckScannerAddress(absl::string_view address);

// Sends what `next` gives until it gives nothing, and reads the verdict. kTooLarge: the scanner's
// own limit. UNAVAILABLE SCANNER_UNAVAILABLE: out of reach, broken, or not done by `deadline`;
// SCANNER_ANSWER_INVALID: an answer that is no verdict; and the errors of `next`.
absl::StatusOr<ScanVerdict> ScanWithClamd(absl::string_view address,
                                          absl::FunctionRef<absl::StatusOr<std::string>()> next,
                                          absl::Time deadline);

}  // namespace lgsp::dossiers
