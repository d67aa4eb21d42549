// CallWorker in its own threads, and beside another one.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/durable/calls.h"
#include "libs/durable/fixture_test.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::durable {
namespace {

using sql::Eventually;
using sql::kBothEngines;

constexpr int64_t kOpen = 0, kDone = 1;

// A partner that several workers call; it sees what they must never do.
class Partner {
 public:
  absl::Status Called(const Call& call) {
    {
      const std::lock_guard lock(mutex_);
      if (!subjects_under_way_.insert(call.subject).second) ++overlapping_;
      if (last_[call.subject] + 1 != call.sequence) ++out_of_order_;
    }
    std::this_thread::yield();
    const std::lock_guard lock(mutex_);
    subjects_under_way_.erase(call.subject);
    last_[call.subject] = call.sequence;
    ++calls_;
    return absl::OkStatus();
  }
  void Check(int calls) {
    const std::lock_guard lock(mutex_);
    CHECK(calls_ == calls);
    CHECK(overlapping_ == 0);
    CHECK(out_of_order_ == 0);
  }

 private:
  std::mutex mutex_;
  std::set<std::string> subjects_under_way_;
  std::map<std::string, int64_t> last_;
  int calls_ = 0, overlapping_ = 0, out_of_order_ = 0;
};

TEST_CASE("two workers on one database never have the same call, nor two of one subject") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  constexpr int kSubjects = 10, kEach = 6;
  for (int s = 0; s < kSubjects; ++s) fixture.AddSubject(absl::StrCat("dossiers/", s));
  for (int i = kEach; i >= 1; --i) {
    for (int s = 0; s < kSubjects; ++s) {
      REQUIRE(fixture.AddCall(absl::StrCat(s, "-", i), absl::StrCat("dossiers/", s), i).ok());
    }
  }
  const auto other_db = fixture.db.OpenAnother();
  Partner partner;
  std::atomic<int> recorded = 0;
  const auto perform = [&](const Call& call, absl::Time) { return partner.Called(call); };
  const auto record = [&](sql::Transaction&, const Call&, const Outcome&) {
    ++recorded;
    return absl::OkStatus();
  };
  const CallWorker::Options options = {.kind = kKind, .poll_interval = absl::Milliseconds(5)};
  {
    const auto one = fixture.NewWorker(perform, record, options);
    CallWorker two(other_db.get(), &fixture.keys, &fixture.clock, &fixture.metrics, options,
                   perform, record);
    one->Start();
    two.Start();
    CHECK(Eventually([&] { return fixture.CountOf(kDone) == kSubjects * kEach; }));
  }
  partner.Check(kSubjects * kEach);
  CHECK(recorded == kSubjects * kEach);
}

TEST_CASE("Wake has a call made at once, and the next of its subject follows by itself") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  std::atomic<int> made = 0;
  const auto worker = fixture.NewWorker(
      [&](const Call&, absl::Time) {
        ++made;
        return absl::OkStatus();
      },
      NothingRecorded, {.kind = kKind, .poll_interval = absl::Hours(1)});
  worker->Start();
  for (int round = 0; round < 3; ++round) {
    REQUIRE(fixture.AddCall(absl::StrCat("x", round), "dossiers/a", 2 * round).ok());
    REQUIRE(fixture.AddCall(absl::StrCat("y", round), "dossiers/a", 2 * round + 1).ok());
    worker->Wake();
    REQUIRE(Eventually([&] { return fixture.CountOf(kDone) == 2 * round + 2; }));
  }
  CHECK(made == 6);
}

TEST_CASE("while the partner is out of reach one call at a time asks for it") {
  CallsFixture fixture(sql::Database::Engine::kSqlite);
  constexpr int kCalls = 60;
  for (int i = 0; i < kCalls; ++i) {
    fixture.AddSubject(absl::StrCat("dossiers/", i));
    REQUIRE(fixture.AddCall(absl::StrCat("c", i), absl::StrCat("dossiers/", i), 1).ok());
  }
  std::atomic<bool> up = false, back = false;
  std::atomic<int> made = 0, under_way = 0, most = 0, together = 0;
  sql::Gate four;
  const auto worker = fixture.NewWorker(
      [&](const Call&, absl::Time) {
        const int now = ++under_way;
        if (++made > kOutOfReachInARow + 4) {
          if (!up) most = std::max(most.load(), now);
          // All four threads at once again, when one got through.
          if (up && back.exchange(true)) {
            if (++together == 4) four.Open();
            four.Wait();
          }
        }
        --under_way;
        return up ? absl::OkStatus() : absl::UnavailableError("down");
      },
      NothingRecorded,
      {.kind = kKind, .first_backoff = absl::Hours(1), .poll_interval = absl::Milliseconds(1)});
  worker->Start();
  REQUIRE(Eventually([&] { return made >= kOutOfReachInARow + 20; }));
  CHECK(most == 1);
  up = true;
  CHECK(four.Wait());
  CHECK(Eventually([&] {
    fixture.clock.security.Advance(absl::Hours(2));
    return fixture.CountOf(kDone) == kCalls;
  }));
}

TEST_CASE("a partner that needs time for each is not out of reach") {
  CallsFixture fixture(sql::Database::Engine::kSqlite);
  constexpr int kCalls = 60;
  for (int i = 0; i < kCalls; ++i) {
    fixture.AddSubject(absl::StrCat("dossiers/", i));
    REQUIRE(fixture.AddCall(absl::StrCat("c", i), absl::StrCat("dossiers/", i), 1).ok());
  }
  std::atomic<int> made = 0, together = 0;
  sql::Gate four;
  const auto worker = fixture.NewWorker(
      [&](const Call&, absl::Time) {
        if (++made > 2 * kOutOfReachInARow) {
          if (++together == 4) four.Open();
          four.Wait();
        }
        return MakeError(absl::StatusCode::kUnavailable, "TIME_NEEDED", "not yet");
      },
      NothingRecorded,
      {.kind = kKind,
       .pending_reasons = {"TIME_NEEDED"},
       .first_backoff = absl::Hours(1),
       .poll_interval = absl::Milliseconds(1)});
  worker->Start();
  CHECK(four.Wait());
}

TEST_CASE("polling finds what nobody woke for, and tells the backlog") {
  CallsFixture fixture(sql::Database::Engine::kSqlite);
  for (int i = 0; i < 3; ++i) {
    fixture.AddSubject(absl::StrCat("dossiers/", i));
    REQUIRE(fixture.AddCall(absl::StrCat("c", i), absl::StrCat("dossiers/", i), 1).ok());
  }
  fixture.clock.civil.Advance(absl::Seconds(90));
  std::atomic<bool> up = false;
  const auto worker = fixture.NewWorker(
      [&](const Call&, absl::Time) {
        return up ? absl::OkStatus() : absl::UnavailableError("down");
      },
      NothingRecorded, {.kind = kKind, .poll_interval = absl::Milliseconds(5)});
  worker->Start();
  const auto metric = [&](absl::string_view name) {
    return testing::MetricValue(fixture.metrics, absl::StrCat(name, "{kind=\"test-sync\"}"));
  };
  CHECK(Eventually([&] { return metric("calls_open") == 3; }));
  CHECK(Eventually([&] { return metric("calls_oldest_open_age_seconds") == 90; }));
  up = true;
  CHECK(Eventually([&] {
    fixture.clock.security.Advance(absl::Seconds(1));
    return fixture.CountOf(kDone) == 3;
  }));
  CHECK(Eventually([&] { return metric("calls_open") == 0; }));
  CHECK(Eventually([&] { return metric("calls_oldest_open_age_seconds") == 0; }));
}

TEST_CASE("a worker that ends leaves no claim behind") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  constexpr int kCalls = 40;
  for (int i = 0; i < kCalls; ++i) {
    fixture.AddSubject(absl::StrCat("dossiers/", i));
    REQUIRE(fixture.AddCall(absl::StrCat("c", i), absl::StrCat("dossiers/", i), 1).ok());
  }
  std::atomic<int> made = 0;
  sql::Gate enough;
  {
    const auto worker = fixture.NewWorker(
        [&](const Call&, absl::Time) {
          if (++made == 5) enough.Open();
          return absl::OkStatus();
        },
        NothingRecorded, {.kind = kKind, .threads = 3, .poll_interval = absl::Milliseconds(1)});
    worker->Start();
    REQUIRE(enough.Wait());
  }
  CHECK(fixture.CountOf(kDone) == made);
  CHECK(fixture.CountOf(kOpen) == kCalls - made);
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM calls WHERE claimed_until > 0") == 0);
}

}  // namespace
}  // namespace lgsp::durable
