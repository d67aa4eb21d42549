// DIR/run/state.json, and the memory of processes.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/lgsp/run_state.pb.h"
#include "tools/lgsp/supervisor.h"

namespace lgsp::cli {

// The state of the calling process, which supervises `processes` since `start`.
RunState MakeRunState(absl::Time start, const std::vector<ProcessStatus>& processes);

// Replaces `file`. Not synced to disk: after a crash of the machine nothing of it is true any more.
// UNAVAILABLE FILE_NOT_WRITTEN.
absl::Status WriteRunState(const std::string& file, const RunState& state);

// NOT_FOUND FILE_MISSING, DATA_LOSS STATE_INVALID.
absl::StatusOr<RunState> ReadRunState(const std::string& file);

// Kilobytes of memory of a process, pages shared with n others counted as 1/n of them (PSS).
// NOT_FOUND PROCESS_GONE.
absl::StatusOr<int64_t> PssKilobytes(pid_t pid);

}  // namespace lgsp::cli
