#include "libs/clock/clock.h"

#include <sys/random.h>

#include <array>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace lgsp {

absl::Time FakeClock::CivilNow() const {
  absl::MutexLock lock(&mutex_);
  return now_;
}

void FakeClock::Advance(absl::Duration by) {
  absl::MutexLock lock(&mutex_);
  now_ += by;
}

void FakeClock::Set(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  now_ = now;
}

absl::TimeZone VietnamZone() { return absl::FixedTimeZone(7 * 60 * 60); }

absl::CivilDay VietnamDay(absl::Time time) { return absl::ToCivilDay(time, VietnamZone()); }

std::string FormatDay(absl::CivilDay day) {
  return absl::StrFormat("%04d-%02d-%02d", day.year(), day.month(), day.day());
}

std::string NewUuid(const Clock& clock) {
  // 48 bits of milliseconds and 12 bits of fraction, which only ever grow in this process (RFC
  // 9562, 6.2 method 3).
  static absl::Mutex mutex(absl::kConstInit);
  static uint64_t last = 0;
  std::array<uint8_t, 8> random;
  // getrandom cannot fail for so few bytes once the kernel's pool is ready.
  while (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
  }
  const int64_t nanos = absl::ToUnixNanos(clock.CivilNow());
  uint64_t stamp = (static_cast<uint64_t>(nanos / 1000000) << 12) |
                   (static_cast<uint64_t>(nanos % 1000000) * 4096 / 1000000);
  {
    absl::MutexLock lock(&mutex);
    stamp = std::max(stamp, last + 1);
    last = stamp;
  }
  uint64_t low = 0;
  for (const uint8_t byte : random) low = (low << 8) | byte;
  low = (low & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
  return absl::StrFormat("%08x-%04x-7%03x-%04x-%012x", stamp >> 28, (stamp >> 12) & 0xffff,
                         stamp & 0xfff, low >> 48, low & 0xffffffffffffULL);
}

}  // namespace lgsp
