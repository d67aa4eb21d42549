// What commands print for people and scripts.
#pragma once

#include "absl/status/status.h"

namespace lgsp::cli {

// Prints `lgsp: error: <message> (REASON)` as one line on standard error; returns kExitFailure.
int ReportError(const absl::Status& status);

}  // namespace lgsp::cli
