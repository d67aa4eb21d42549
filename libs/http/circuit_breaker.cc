#include "libs/http/circuit_breaker.h"

namespace lgsp::http {

CircuitBreaker::Permit CircuitBreaker::Admit() {
  const absl::MutexLock lock(&mutex_);
  if (failures_ < failures_to_open_) return Permit::kCall;
  // Security time: civil time runs faster in a simulation. A clock set back must not keep it open.
  const absl::Duration open = clock_->SecurityNow() - opened_at_;
  const bool due = open >= open_time_ || open < absl::ZeroDuration();
  if (trial_under_way_ || !due) return Permit::kRefused;
  trial_under_way_ = true;
  return Permit::kTrial;
}

void CircuitBreaker::Record(Permit permit, bool answered) {
  const absl::MutexLock lock(&mutex_);
  if (permit == Permit::kTrial) trial_under_way_ = false;
  if (answered) {
    failures_ = 0;
    return;
  }
  // A call that began before the circuit opened and fails late does not prolong it.
  const bool open = failures_ == failures_to_open_;
  if (!open) ++failures_;
  const bool opens = !open && failures_ == failures_to_open_;
  if (opens || permit == Permit::kTrial) opened_at_ = clock_->SecurityNow();
}

}  // namespace lgsp::http
