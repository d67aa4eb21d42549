#include "tools/lgsp/restart_policy.h"

#include <algorithm>

namespace lgsp::cli {

std::optional<absl::Duration> RestartPolicy::OnExit(SteadyTime now) {
  while (!exits_.empty() && absl::FromChrono(now - exits_.front()) > kRestartWindow) {
    exits_.pop_front();
  }
  exits_.push_back(now);
  if (exits_.size() > kMaxRestarts) return std::nullopt;
  return std::min(kFirstDelay * (1 << (exits_.size() - 1)), kMaxDelay);
}

}  // namespace lgsp::cli
