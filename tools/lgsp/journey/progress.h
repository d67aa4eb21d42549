// How far a journey is, shown while it goes on.
#pragma once

#include <functional>
#include <ostream>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lgsp::cli {

// On a terminal a bar that is drawn over itself; elsewhere a line `journey: n/N`, once when it
// begins, then at least every second whether or not anything has moved, and once when it ends.
class Progress {
 public:
  // `done` is called by a thread of its own until Stop. `out` outlives this.
  Progress(std::ostream* out, bool terminal, int total, std::function<int()> done);
  ~Progress() { Stop(); }
  void Stop();

 private:
  void Show();
  void Tick();

  std::ostream* const out_;
  const bool terminal_;
  const int total_;
  const std::function<int()> done_;
  const absl::Time begun_ = absl::Now();
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lgsp::cli
