// CPU time as the kernel counts it, in nanoseconds.
#pragma once

#include <sys/types.h>

#include <vector>

#include "absl/status/statusor.h"

namespace lgsp::bench {

int64_t OwnCpuTime();

// Of all threads that live. UNAVAILABLE LOAD_WATCHED_ENDED when a process is not there.
absl::StatusOr<int64_t> CpuTimeOf(const std::vector<pid_t>& processes);

}  // namespace lgsp::bench
