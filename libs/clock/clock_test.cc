#include "libs/clock/clock.h"

#include <catch2/catch.hpp>
#include <set>

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
