#include "libs/clock/clock.h"

#include <pthread.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

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

namespace {

// A kernel call per id would cost more than all the rest of it: each thread takes its random bytes
// in blocks.
struct RandomBlock {
  std::array<uint8_t, 1024> bytes;
  size_t used = sizeof(bytes);
};
thread_local RandomBlock random_block;

void Refill(RandomBlock& block) {
  // After a fork the two processes would give the same ids.
  [[maybe_unused]] static const int guard =
      pthread_atfork(nullptr, nullptr, [] { random_block = RandomBlock(); });
  // The kernel may give fewer than asked when a signal comes; never an error once its pool is
  // ready.
  for (size_t have = 0; have < block.bytes.size();) {
    const ssize_t got = getrandom(block.bytes.data() + have, block.bytes.size() - have, 0);
    if (got > 0) have += static_cast<size_t>(got);
  }
  block.used = 0;
}

// 48 bits of milliseconds and 12 bits of fraction, which only ever grow in this process (RFC 9562,
// 6.2 method 3).
uint64_t NextStamp(int64_t nanos) {
  static std::atomic<uint64_t> last{0};
  const uint64_t now = (static_cast<uint64_t>(nanos / 1000000) << 12) |
                       (static_cast<uint64_t>(nanos % 1000000) * 4096 / 1000000);
  uint64_t before = last.load(std::memory_order_relaxed);
  uint64_t stamp = 0;
  do {
    stamp = std::max(now, before + 1);
  } while (!last.compare_exchange_weak(before, stamp, std::memory_order_relaxed));
  return stamp;
}

}  // namespace

uint64_t RandomWord() {
  RandomBlock& block = random_block;
  if (block.used == block.bytes.size()) Refill(block);
  uint64_t word = 0;
  memcpy(&word, block.bytes.data() + block.used, sizeof(word));
  block.used += sizeof(word);
  return word;
}

std::string NewUuid(const Clock& clock) {
  const uint64_t stamp = NextStamp(absl::ToUnixNanos(clock.CivilNow()));
  const uint64_t high = (stamp >> 12 << 16) | 0x7000 | (stamp & 0xfff);
  const uint64_t low = (RandomWord() & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out(36, '-');
  size_t at = 0;
  for (int digit = 0; digit < 32; ++digit) {
    if (at == 8 || at == 13 || at == 18 || at == 23) ++at;
    const uint64_t half = digit < 16 ? high : low;
    out[at++] = kDigits[(half >> (60 - 4 * (digit % 16))) & 0xf];
  }
  return out;
}

}  // namespace lgsp
