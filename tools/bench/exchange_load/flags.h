// From the command line to a load.
#pragma once

#include "absl/status/statusor.h"
#include "tools/bench/exchange_load/load.h"

namespace lgsp::bench {

// INVALID_ARGUMENT LOAD_FLAGS_WRONG, and the refusals of config::ReadFile. The seed goes to
// standard error.
absl::StatusOr<Load> LoadOfFlags();

}  // namespace lgsp::bench
