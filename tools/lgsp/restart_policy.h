// When a process that died is started again.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "absl/time/time.h"

namespace lgsp::cli {

// More than this many within the window and something is wrong that a restart does not cure.
inline constexpr size_t kMaxRestarts = 5;
inline constexpr absl::Duration kRestartWindow = absl::Seconds(60);
// The first delay; each further one within the window doubles it.
inline constexpr absl::Duration kFirstDelay = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxDelay = absl::Seconds(5);

// Not the wall clock: a machine whose clock is set must not delay or hurry restarts.
using SteadyTime = std::chrono::steady_clock::time_point;

// The restarts of one process.
class RestartPolicy {
 public:
  // The process died at `now`: how long to wait before it is started again; nothing: give up.
  std::optional<absl::Duration> OnExit(SteadyTime now);

 private:
  std::deque<SteadyTime> exits_;
};

}  // namespace lgsp::cli
