#include "services/gateway/outlier.h"

#include <catch2/catch.hpp>

namespace lgsp::gateway {
namespace {

using std::chrono::milliseconds;

const Outlier::Time kBegin{std::chrono::hours(1)};

TEST_CASE("an address that cannot be reached is passed over, each time for longer, to a limit") {
  Outlier outlier;
  CHECK_FALSE(outlier.ejected());
  Outlier::Time now = kBegin;
  for (int period = 100; period < 20'000; period *= 2) {
    outlier.OnConnectFailed(now);
    CHECK(outlier.unreachable());
    const int length = std::min(period, 5000);
    CHECK_FALSE(outlier.TakeTry(now + milliseconds(length - 1)));
    now += milliseconds(length);
    CHECK(outlier.TakeTry(now));
    CHECK_FALSE(outlier.TakeTry(now));  // one try
  }
  outlier.OnConnected();
  CHECK_FALSE(outlier.ejected());
  // Until a call is answered it is not forgotten.
  outlier.OnConnectFailed(now);
  CHECK_FALSE(outlier.TakeTry(now + milliseconds(4999)));
  outlier.OnConnected();
  outlier.OnAnswered();
  outlier.OnConnectFailed(now);
  CHECK(outlier.TakeTry(now + milliseconds(100)));
}

TEST_CASE("connections that break one after the other do the same, and a new one is no proof") {
  Outlier outlier;
  for (int i = 1; i < kMaxFailuresInRow; ++i) outlier.OnConnectionLost(kBegin);
  CHECK_FALSE(outlier.ejected());
  outlier.OnAnswered();
  for (int i = 1; i < kMaxFailuresInRow; ++i) outlier.OnConnectionLost(kBegin);
  CHECK_FALSE(outlier.ejected());
  outlier.OnConnectionLost(kBegin);
  CHECK(outlier.ejected());
  CHECK_FALSE(outlier.unreachable());
  outlier.OnConnected();
  CHECK(outlier.ejected());
  REQUIRE(outlier.TakeTry(kBegin + milliseconds(100)));
  outlier.OnConnectionLost(kBegin + milliseconds(100));
  CHECK_FALSE(outlier.TakeTry(kBegin + milliseconds(299)));
  REQUIRE(outlier.TakeTry(kBegin + milliseconds(300)));
  outlier.OnAnswered();
  CHECK_FALSE(outlier.ejected());
}

TEST_CASE("what nobody has tried for long is forgiven, but not that it cannot be reached") {
  Outlier calls, connects;
  for (int i = 0; i < kMaxFailuresInRow; ++i) calls.OnConnectionLost(kBegin);
  connects.OnConnectFailed(kBegin);
  const auto later = kBegin + absl::ToChronoNanoseconds(kForgiveAfter) + milliseconds(99);
  calls.Forgive(later);
  CHECK(calls.ejected());
  calls.Forgive(later + milliseconds(2));
  connects.Forgive(later + milliseconds(2));
  CHECK_FALSE(calls.ejected());
  CHECK(connects.ejected());
}

}  // namespace
}  // namespace lgsp::gateway
