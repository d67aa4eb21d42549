// Claims of a CallWorker with threads: renewed while it lives, soon free when it does not.
#include <atomic>
#include <catch2/catch.hpp>

#include "libs/durable/calls.h"
#include "libs/durable/fixture_test.h"

namespace lgsp::durable {
namespace {

using sql::Eventually;
using sql::kBothEngines;

constexpr int64_t kOpen = 0, kDone = 1;
constexpr absl::Duration kTick = absl::Microseconds(1);

// With one thread: a worker whose attempt goes on claims nothing else.
const CallWorker::Options kBusy = {.kind = kKind,
                                   .threads = 1,
                                   .attempt_timeout = absl::Seconds(60),
                                   .poll_interval = absl::Milliseconds(1)};

// A call, a worker whose attempt lasts until `go` opens, and another worker that would take it.
class ClaimsFixture : public CallsFixture {
 public:
  explicit ClaimsFixture(sql::Database::Engine engine)
      : CallsFixture(engine), other_db_(db.OpenAnother()) {
    AddSubject("dossiers/a");
    REQUIRE(AddCall("c1", "dossiers/a", 1).ok());
  }

  // The slow worker, by `its` clock; its attempt has begun.
  std::unique_ptr<CallWorker> StartSlow(const Clock& its) {
    auto worker = std::make_unique<CallWorker>(
        &*db, &keys, &its, &metrics, kBusy,
        [this](const Call&, absl::Time) {
          begun_.Open();
          return go.Wait() ? absl::OkStatus() : absl::InternalError("waited in vain");
        },
        [this](sql::Transaction&, const Call&, const Outcome&) {
          ++recorded;
          return absl::OkStatus();
        });
    worker->Start();
    REQUIRE(begun_.Wait());
    return worker;
  }
  // How many calls another worker finds to make now.
  int Taken() {
    CallWorker other(
        other_db_.get(), &keys, &clock, &metrics, kBusy,
        [](const Call&, absl::Time) { return absl::OkStatus(); }, NothingRecorded);
    const auto made = other.RunOnce();
    REQUIRE(made.ok());
    return *made;
  }
  bool HeldUntil(absl::Time until) {
    return Eventually([&] {
      return ReadInt(*db, "SELECT claimed_until FROM calls WHERE id = 'c1'") == sql::Micros(until);
    });
  }

  sql::Gate go;
  std::atomic<int> recorded = 0;

 private:
  const std::unique_ptr<sql::Database> other_db_;
  sql::Gate begun_;
};

TEST_CASE("a claim is renewed for as long as an attempt may take") {
  ClaimsFixture fixture(GENERATE(from_range(kBothEngines)));
  auto slow = fixture.StartSlow(fixture.clock);
  const absl::Time end = fixture.clock.SecurityNow() + kBusy.attempt_timeout + kClaimMargin;
  REQUIRE(fixture.HeldUntil(fixture.clock.SecurityNow() + kClaimDuration));
  while (fixture.clock.SecurityNow() + kClaimRenewal < end) {
    fixture.clock.security.Advance(kClaimRenewal);
    REQUIRE(fixture.HeldUntil(std::min(fixture.clock.SecurityNow() + kClaimDuration, end)));
    REQUIRE(fixture.Taken() == 0);
  }
  SECTION("what ends in time is recorded") {
    fixture.go.Open();
    CHECK(Eventually([&] { return fixture.StateOf("c1") == kDone; }));
    CHECK(ReadInt(*fixture.db, "SELECT attempts FROM calls") == 1);
    slow.reset();
    CHECK(fixture.recorded == 1);
  }
  SECTION("what does not is left to others, and records nothing") {
    fixture.clock.security.Advance(kClaimRenewal);
    CHECK(fixture.Taken() == 0);
    fixture.clock.security.Advance(kTick);
    CHECK(fixture.Taken() == 1);
    fixture.go.Open();
    slow.reset();
    CHECK(fixture.recorded == 0);
  }
}

TEST_CASE("the call of a worker that died is free when its last claim has run out") {
  ClaimsFixture fixture(GENERATE(from_range(kBothEngines)));
  // Time stands still for the dead.
  const SimulatedClock of_the_dead;
  auto dead = fixture.StartSlow(of_the_dead);
  fixture.clock.security.Advance(kClaimDuration);
  CHECK(fixture.Taken() == 0);
  fixture.clock.security.Advance(kTick);
  CHECK(fixture.Taken() == 1);
  fixture.go.Open();
  dead.reset();
  CHECK(fixture.recorded == 0);
  CHECK(fixture.StateOf("c1") == kDone);
}

TEST_CASE("a worker that ends keeps its claims until its attempts are finished") {
  ClaimsFixture fixture(GENERATE(from_range(kBothEngines)));
  auto slow = fixture.StartSlow(fixture.clock);
  std::thread end([&] { slow.reset(); });
  for (int i = 0; i < 5; ++i) {
    fixture.clock.security.Advance(kClaimRenewal);
    CHECK(fixture.HeldUntil(fixture.clock.SecurityNow() + kClaimDuration));
    CHECK(fixture.Taken() == 0);
  }
  fixture.go.Open();
  end.join();
  CHECK(fixture.recorded == 1);
  CHECK(fixture.StateOf("c1") == kDone);
}

TEST_CASE("a call whose outcome could not be recorded is not held on to") {
  ClaimsFixture fixture(GENERATE(from_range(kBothEngines)));
  std::atomic<int> made = 0, refused = 0;
  const auto worker = fixture.NewWorker(
      [&](const Call& call, absl::Time) {
        made += call.id == "c1" ? 1 : 0;
        return absl::OkStatus();
      },
      [&](sql::Transaction&, const Call&, const Outcome&) {
        return refused++ == 0 ? absl::InternalError("dies here") : absl::OkStatus();
      },
      kBusy);
  worker->Start();
  REQUIRE(Eventually([&] { return refused == 1; }));
  // Its thread makes another call: it has done with the first.
  fixture.AddSubject("dossiers/b");
  REQUIRE(fixture.AddCall("c2", "dossiers/b", 1).ok());
  REQUIRE(Eventually([&] { return fixture.StateOf("c2") == kDone; }));
  fixture.clock.security.Advance(kClaimDuration);
  CHECK(fixture.Taken() == 0);
  CHECK(fixture.StateOf("c1") == kOpen);
  fixture.clock.security.Advance(kTick);
  CHECK(Eventually([&] { return fixture.StateOf("c1") == kDone; }));
  CHECK(made == 2);
}

}  // namespace
}  // namespace lgsp::durable
