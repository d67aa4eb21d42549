// PURE: when an address of a service is passed over, and when it is tried again. Of one worker.
//
// What counts is what the way to the service shows: connections that do not come about, or break
// with calls on them. Not what a service answers to a call, a reset too, nor how long it takes: a
// caller could make others lose the service by that.
#pragma once

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {

class Outlier {
 public:
  using Time = std::chrono::steady_clock::time_point;

  bool ejected() const { return failures_ >= kMaxFailuresInRow; }
  // No connection comes about: whether it is back can be found out without a call.
  bool unreachable() const { return ejected() && by_connect_; }

  void OnConnectFailed(Time now) {
    by_connect_ = !ejected() || by_connect_;
    failures_ = kMaxFailuresInRow;
    Eject(now);
  }
  void OnConnected() {
    if (by_connect_) failures_ = 0;
  }
  void OnConnectionLost(Time now) {
    if (ejected() || failures_ + 1 == kMaxFailuresInRow) by_connect_ = false;
    failures_ = std::min(failures_ + 1, kMaxFailuresInRow);
    if (ejected()) Eject(now);
  }
  void OnAnswered() { *this = Outlier(); }

  // While it is ejected: true once in each period, the next of which is twice as long.
  bool TakeTry(Time now) {
    if (now < until_) return false;
    until_ = now + absl::ToChronoNanoseconds(period_);
    return true;
  }
  // Nobody has tried for so long that what was is no judgement any more.
  void Forgive(Time now) {
    if (ejected() && !by_connect_ && now > until_ + absl::ToChronoNanoseconds(kForgiveAfter)) {
      *this = Outlier();
    }
  }

 private:
  void Eject(Time now) {
    until_ = now + absl::ToChronoNanoseconds(period_);
    period_ = std::min(period_ * 2, kMaxEjection);
  }

  int failures_ = 0;
  bool by_connect_ = false;
  Time until_{};
  absl::Duration period_ = kConnectBackoff;
};

}  // namespace lgsp::gateway
