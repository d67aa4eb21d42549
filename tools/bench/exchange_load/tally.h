// What became of the calls.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "tools/bench/exchange_load/histogram.h"

namespace lgsp::bench {

class Tally {
 public:
  // `by_due`: a call counts when it should have left within the measured time, else when its answer
  // came within it.
  explicit Tally(bool by_due) : by_due_(by_due) {}

  void Begin(int64_t now) { begin_ = now; }
  void End(int64_t now) { end_ = now; }

  void Answered(int64_t due, int64_t now) {
    if (Counts(due, now)) latencies_.Add(now - due);
  }
  // Failures count whenever they are: none is expected.
  void Failed(absl::string_view why) {
    if (failed_++ == 0) first_failure_ = std::string(why);
  }

  const Histogram& latencies() const { return latencies_; }
  int64_t failed() const { return failed_; }
  const std::string& first_failure() const { return first_failure_; }
  double seconds() const { return static_cast<double>(end_ - begin_) / 1e9; }

 private:
  bool Counts(int64_t due, int64_t now) const {
    const int64_t time = by_due_ ? due : now;
    return time >= begin_ && time < end_;
  }

  const bool by_due_;
  Histogram latencies_;
  int64_t failed_ = 0;
  std::string first_failure_;
  int64_t begin_ = std::numeric_limits<int64_t>::max();
  int64_t end_ = std::numeric_limits<int64_t>::max();
};

}  // namespace lgsp::bench
