#include "tools/lgsp/restart_policy.h"

#include <algorithm>

namespace lgsp::cli {

std::optional<absl::Duration> RestartPolicy::OnExit(absl::Time now) {
  while (!exits_.empty() && now - exits_.front() > kRestartWindow) exits_.pop_front();
  exits_.push_back(now);
  if (exits_.size() > kMaxRestarts) return std::nullopt;
  return std::min(kFirstDelay * (1 << (exits_.size() - 1)), kMaxDelay);
}

}  // namespace lgsp::cli
