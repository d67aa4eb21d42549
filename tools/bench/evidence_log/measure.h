// One round of `tools/bench evidence`: a log is written and verified; the same bytes are hashed.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace lgsp::bench {

// `records`, `bytes`, and the CPU seconds of all threads for `sha256`, `append` (until everything
// is durable and signed) and `verify`; `append_seconds` by the clock. `folder` must not exist.
// Errors of the log; DATA_LOSS BENCH_LOG_DAMAGED.
absl::StatusOr<nlohmann::json> MeasureLog(const std::string& folder, uint64_t count, uint64_t seed);

}  // namespace lgsp::bench
