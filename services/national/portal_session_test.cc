#include "services/national/portal_session.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "libs/status/status.h"
#include "services/national/errors.h"
#include "services/national/limits.h"

namespace lgsp::national {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(30);

// Logins that end as told, counted.
class Portal {
 public:
  PortalSession::Login Login() {
    return [this](absl::Time) -> absl::StatusOr<std::string> {
      const int n = ++logins;
      if (n == 1 && hold) {
        begun.Notify();
        if (!go.WaitForNotificationWithTimeout(kLimit)) return PortalUnavailable("held too long");
      }
      if (!ends.ok()) return ends;
      return absl::StrCat("session-", n);
    };
  }
  std::atomic<int> logins = 0;
  bool hold = false;
  absl::Notification begun;
  absl::Notification go;
  absl::Status ends;
};

absl::Time Soon() { return absl::Now() + kLimit; }

TEST_CASE("one session is used until it is told to have expired") {
  const SystemClock clock;
  Portal portal;
  PortalSession session(portal.Login(), &clock);
  const auto first = session.Get(0, Soon());
  REQUIRE(first.ok());
  CHECK(first->id == "session-1");
  CHECK(session.Get(0, Soon())->id == "session-1");
  const auto second = session.Get(first->number, Soon());
  REQUIRE(second.ok());
  CHECK(second->id == "session-2");
  // Who still speaks of the first gets the one that is there.
  CHECK(session.Get(first->number, Soon())->id == "session-2");
  CHECK(portal.logins == 2);
}

TEST_CASE("of many threads one logs in") {
  const SystemClock clock;
  for (const bool good : {true, false}) {
    Portal portal;
    portal.hold = true;
    if (!good) portal.ends = PortalUnavailable("test");
    PortalSession session(portal.Login(), &clock);
    std::atomic<int> same = 0;
    std::atomic<int> at_the_door = 0;
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        ++at_the_door;
        const auto got = session.Get(0, Soon());
        same += good ? got.ok() && got->id == "session-1"
                     : ErrorReason(got.status()) == "PORTAL_UNAVAILABLE";
      });
    }
    REQUIRE(portal.begun.WaitForNotificationWithTimeout(kLimit));
    const absl::Time limit = Soon();
    while (at_the_door < 8 && absl::Now() < limit) std::this_thread::yield();
    portal.go.Notify();
    for (std::thread& thread : threads) thread.join();
    CHECK(same == 8);
    // A thread that came to the door but not through it before a failed login ended tries for
    // itself.
    if (good) CHECK(portal.logins == 1);
    CHECK(portal.logins <= 8);
  }
}

TEST_CASE("who has no time left does not wait for another's login") {
  const SystemClock clock;
  Portal portal;
  portal.hold = true;
  PortalSession session(portal.Login(), &clock);
  std::thread other([&] { CHECK(session.Get(0, Soon()).ok()); });
  REQUIRE(portal.begun.WaitForNotificationWithTimeout(kLimit));
  CHECK(ErrorReason(session.Get(0, absl::Now() - absl::Seconds(1)).status()) ==
        "PORTAL_UNAVAILABLE");
  portal.go.Notify();
  other.join();
  CHECK(portal.logins == 1);
}

TEST_CASE("a refused login is not tried again at once, a failed one is") {
  FakeClock clock(absl::FromUnixSeconds(1'800'000'000));
  Portal portal;
  PortalSession session(portal.Login(), &clock);
  portal.ends = PortalUnavailable("test");
  for (int i = 0; i < 3; ++i) CHECK_FALSE(session.Get(0, Soon()).ok());
  CHECK(portal.logins == 3);
  portal.ends = LoginRefused("test");
  for (int i = 0; i < 3; ++i) {
    CHECK(ErrorReason(session.Get(0, Soon()).status()) == "PORTAL_LOGIN_REFUSED");
  }
  CHECK(portal.logins == 4);
  portal.ends = absl::OkStatus();
  clock.Advance(kLoginRefusedHold - absl::Seconds(1));
  CHECK_FALSE(session.Get(0, Soon()).ok());
  clock.Advance(absl::Seconds(1));
  CHECK(session.Get(0, Soon()).ok());
  CHECK(portal.logins == 5);
}

}  // namespace
}  // namespace lgsp::national
