#include "libs/clock/clock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace lgsp {
namespace {

TEST_CASE("the day changes at midnight in Vietnam, 17:00 UTC") {
  const absl::Time before =
      absl::FromCivil(absl::CivilSecond(2026, 11, 22, 16, 59, 59), absl::UTCTimeZone());
  CHECK(FormatDay(VietnamDay(before)) == "2026-11-22");
  CHECK(FormatDay(VietnamDay(before + absl::Seconds(1))) == "2026-11-23");
}

TEST_CASE("UUIDs are of version 7, unique and sorted even while the clock stands") {
  FakeClock clock(absl::FromUnixMillis(0x0123456789ab));
  std::set<std::string> seen;
  std::string last;
  for (int i = 0; i < 10000; ++i) {
    const std::string uuid = NewUuid(clock);
    REQUIRE(uuid.size() == 36);
    REQUIRE(uuid[14] == '7');
    REQUIRE(std::string("89ab").find(uuid[19]) != std::string::npos);
    REQUIRE(uuid > last);
    last = uuid;
    seen.insert(uuid);
  }
  CHECK(seen.size() == 10000);
}

TEST_CASE("threads never get the same UUID, and each gets its own in order") {
  const FakeClock clock(absl::FromUnixMillis(1'790'000'000'000));
  constexpr int kThreads = 8, kEach = 5000;
  std::vector<std::vector<std::string>> made(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) mine.push_back(NewUuid(clock));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> seen, random_parts;
  for (const auto& mine : made) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));
    for (const std::string& uuid : mine) {
      seen.insert(uuid);
      random_parts.insert(uuid.substr(19));
    }
  }
  CHECK(seen.size() == kThreads * kEach);
  // No thread has the random bytes of another, nor its own twice.
  CHECK(random_parts.size() == kThreads * kEach);
}

TEST_CASE("a forked process does not get the random bytes of its parent") {
  const FakeClock clock(absl::FromUnixMillis(1'790'000'000'000));
  NewUuid(clock);  // the block is filled
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string uuid = NewUuid(clock);
    _exit(write(ends[1], uuid.data(), uuid.size()) == static_cast<ssize_t>(uuid.size()) ? 0 : 1);
  }
  std::string theirs(36, ' ');
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE(read(ends[0], theirs.data(), theirs.size()) == 36);
  close(ends[0]);
  close(ends[1]);
  const std::string ours = NewUuid(clock);
  CHECK(theirs[14] == '7');
  CHECK(theirs.substr(19) != ours.substr(19));
}

TEST_CASE("a UUID tells the time of its making") {
  FakeClock clock(absl::Now() + absl::Hours(24 * 365 * 20));
  const int64_t millis = absl::ToUnixMillis(clock.CivilNow());
  const std::string uuid = NewUuid(clock);
  const std::string hex = uuid.substr(0, 8) + uuid.substr(9, 4);
  CHECK(std::stoll(hex, nullptr, 16) == millis);
}

TEST_CASE("a fake clock moves only when told") {
  FakeClock clock(absl::UnixEpoch());
  CHECK(clock.CivilNow() == absl::UnixEpoch());
  clock.Advance(absl::Seconds(5));
  CHECK(clock.SecurityNow() == absl::UnixEpoch() + absl::Seconds(5));
}

}  // namespace
}  // namespace lgsp
