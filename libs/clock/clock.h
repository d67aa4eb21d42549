// Time from outside, and the ids made of it.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace lgsp {

// Where time comes from. Civil time is what deadlines, numbers and receipts are dated by; security
// time is what certificates and tokens are judged by. They differ only in simulation. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time CivilNow() const = 0;
  virtual absl::Time SecurityNow() const = 0;
};

// The machine's clock for both.
class SystemClock final : public Clock {
 public:
  absl::Time CivilNow() const override { return absl::Now(); }
  absl::Time SecurityNow() const override { return absl::Now(); }
};

// A clock that stands still until told otherwise.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now) : now_(now) {}
  absl::Time CivilNow() const override;
  absl::Time SecurityNow() const override { return CivilNow(); }
  void Advance(absl::Duration by);
  void Set(absl::Time now);

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

// Vietnam has had UTC+7 without summer time since 1975.
absl::TimeZone VietnamZone();

// The day on which `time` falls in Vietnam.
absl::CivilDay VietnamDay(absl::Time time);

// `YYYY-MM-DD`.
std::string FormatDay(absl::CivilDay day);

// 64 random bits, for ids: taken from the system a block at a time. Not for keys.
uint64_t RandomWord();

// A UUID of version 7 (RFC 9562) in lower case: sorts by time of making, within one process
// strictly.
std::string NewUuid(const Clock& clock);

}  // namespace lgsp
