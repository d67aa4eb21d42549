#include "services/evidence/follower.h"

#include "libs/status/status.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {

absl::Status Follower::Turn() {
  (void)mirror_->Poll();
  RETURN_IF_ERROR(index_->Follow(mirror_->origin(), mirror_->reader()));
  const absl::Time now = clock_->SecurityNow();
  if (retention_ == absl::InfiniteDuration() || now < next_forget_) return absl::OkStatus();
  RETURN_IF_ERROR(mirror_->Forget(now - retention_));
  next_forget_ = now + kRetentionInterval;
  return absl::OkStatus();
}

absl::Status ForgetIndexed(absl::Duration retention, const Clock& clock, ExchangeIndex& index,
                           PersonKeys& person_keys) {
  if (retention == absl::InfiniteDuration()) return absl::OkStatus();
  const absl::Time before = clock.SecurityNow() - retention;
  RETURN_IF_ERROR(index.Forget(before));
  return person_keys.Forget(before);
}

}  // namespace lgsp::evidence
