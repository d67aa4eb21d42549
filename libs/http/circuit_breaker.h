// When to stop calling a peer that does not answer. Pure but for the clock.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"

namespace lgsp::http {

// Closed: every call passes. After `failures_to_open` calls in a row without an answer it is open
// for `open_time`; then one call at a time may try, and its answer closes it. Thread-safe.
class CircuitBreaker {
 public:
  enum class Permit { kRefused, kCall, kTrial };

  CircuitBreaker(int failures_to_open, absl::Duration open_time, const Clock* clock)
      : failures_to_open_(failures_to_open), open_time_(open_time), clock_(clock) {}

  // Every permit but kRefused must be given back by one Record.
  Permit Admit();
  void Record(Permit permit, bool answered);

 private:
  const int failures_to_open_;
  const absl::Duration open_time_;
  const Clock* const clock_;
  absl::Mutex mutex_;
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  bool trial_under_way_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time opened_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lgsp::http
