// How long a journey goes on trying.
#pragma once

#include <algorithm>
#include <atomic>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lgsp::cli {

// The first wait after a failure, and the longest.
inline constexpr absl::Duration kFirstWait = absl::Milliseconds(50);
inline constexpr absl::Duration kLongestWait = absl::Seconds(2);

// True when the very same request may be sent again: the codes of lgsp::IsTransient, but not what
// says that the request itself has to change (ETAG_STALE, REQUEST_ID_REUSED).
bool MayRepeat(const absl::Status& status);

// google.rpc.RetryInfo of `status`; zero when it has none.
absl::Duration RetryDelay(const absl::Status& status);

// A limit that several threads share. Thread-safe.
class Patience {
 public:
  explicit Patience(absl::Time limit) : limit_(limit) {}

  // Ends all waits now.
  void Stop();
  // Stopped, or past the limit.
  bool Over() const;
  // Returns after `duration`, or sooner when it is over.
  void Wait(absl::Duration duration);

  // Calls until it answers with something else than a status that MayRepeat, with growing waits;
  // when it is over, that status comes back.
  template <typename Call>
  auto Repeat(Call call) -> decltype(call()) {
    absl::Duration wait = kFirstWait;
    for (;;) {
      auto answer = call();
      if (answer.ok() || !MayRepeat(answer.status())) {
        answered_.store(true, std::memory_order_relaxed);
        return answer;
      }
      if (Over()) return answer;
      Wait(std::max(Jittered(wait), RetryDelay(answer.status())));
      wait = std::min(wait * 2, kLongestWait);
    }
  }
  // Has anything been answered yet?
  bool answered() const { return answered_.load(std::memory_order_relaxed); }

 private:
  // Threads that failed together should not come back together.
  static absl::Duration Jittered(absl::Duration wait);

  const absl::Time limit_;
  std::atomic<bool> answered_{false};
  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lgsp::cli
