// CallWorker one attempt at a time: what is due, in which order, what becomes of an outcome.
#include "libs/durable/calls.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "libs/durable/fixture_test.h"
#include "libs/durable/sweep.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::durable {
namespace {

using sql::kBothEngines;
using sql::ReadInt;
using sql::ReadOne;
using sql::RunOne;

constexpr int64_t kOpen = 0, kDone = 1, kFailed = 2;

// What a worker did, in order: `<call id> <code of the outcome>`.
using Journal = std::vector<std::string>;

// Answers every call with `outcome` and keeps a journal of what was made.
CallWorker::Perform Answering(Journal& made, const absl::Status& outcome = absl::OkStatus()) {
  return [&made, outcome](const Call& call, absl::Time) {
    made.push_back(call.id);
    return outcome;
  };
}

CallWorker::Record Recording(Journal& recorded) {
  return [&recorded](sql::Transaction&, const Call& call, const Outcome& outcome) {
    recorded.push_back(absl::StrCat(call.id, " ", absl::StatusCodeToString(outcome.status.code()),
                                    outcome.final && !outcome.status.ok() ? " final" : ""));
    return absl::OkStatus();
  };
}

TEST_CASE("a call is made once, with its request, and stored sealed") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 7).ok());
  const auto stored = ReadOne(*fixture.db, "SELECT request FROM calls");
  REQUIRE(stored.ok());
  CHECK_FALSE(absl::StrContains(stored->rows[0].Blob(0), "request of c1"));

  std::vector<Call> made;
  Journal recorded;
  absl::Time deadline;
  const absl::Time before = absl::Now();
  const auto worker = fixture.NewWorker(
      [&](const Call& call, absl::Time until) {
        made.push_back(call);
        deadline = until;
        return absl::OkStatus();
      },
      Recording(recorded));
  CHECK(*worker->RunOnce() == 1);
  REQUIRE(made.size() == 1);
  CHECK(made[0].id == "c1");
  CHECK(made[0].subject == "dossiers/a");
  CHECK(made[0].sequence == 7);
  CHECK(made[0].request == "request of c1");
  CHECK(made[0].attempts == 1);
  // Of the machine's clock, whatever the others say.
  CHECK(deadline >= before + absl::Seconds(60));
  CHECK(deadline <= absl::Now() + absl::Seconds(60));
  CHECK(recorded == Journal{"c1 OK"});
  CHECK(fixture.StateOf("c1") == kDone);
  CHECK(*worker->RunOnce() == 0);
  CHECK(testing::MetricValue(fixture.metrics,
                             "calls_attempts_total{kind=\"test-sync\",outcome=\"ok\"}") == 1);
}

TEST_CASE("calls of another kind are left alone, and a sequence is used once") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  CHECK(absl::IsAlreadyExists(fixture.AddCall("c2", "dossiers/a", 1)));
  Journal made;
  const auto other = fixture.NewWorker(Answering(made), NothingRecorded, {.kind = "other"});
  CHECK(*other->RunOnce() == 0);
  CHECK(fixture.StateOf("c1") == kOpen);
}

TEST_CASE("calls of one subject go in order, those of others do not wait") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  fixture.AddSubject("dossiers/b");
  REQUIRE(fixture.AddCall("a3", "dossiers/a", 3).ok());
  REQUIRE(fixture.AddCall("a1", "dossiers/a", 1).ok());
  REQUIRE(fixture.AddCall("a2", "dossiers/a", 2).ok());
  REQUIRE(fixture.AddCall("b9", "dossiers/b", 9).ok());
  Journal made;
  absl::Status of_a1 = absl::UnavailableError("down");
  const auto worker = fixture.NewWorker(
      [&](const Call& call, absl::Time) {
        made.push_back(call.id);
        return call.id == "a1" ? of_a1 : absl::OkStatus();
      },
      NothingRecorded);
  REQUIRE(*worker->RunOnce() == 2);
  std::sort(made.begin(), made.end());
  CHECK(made == Journal{"a1", "b9"});
  made.clear();
  of_a1 = absl::OkStatus();
  CHECK(*worker->RunOnce() == 0);
  fixture.clock.security.Advance(absl::Milliseconds(250));
  CHECK(*worker->RunOnce() == 3);
  CHECK(made == Journal{"a1", "a2", "a3"});
}

TEST_CASE("a call that fails is made again, later each time") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  Journal made;
  const auto worker = fixture.NewWorker(
      Answering(made, absl::UnavailableError("down")), NothingRecorded,
      {.kind = kKind, .first_backoff = absl::Seconds(1), .longest_backoff = absl::Seconds(60)});
  REQUIRE(*worker->RunOnce() == 1);
  for (const int wait : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    fixture.clock.security.Advance(absl::Seconds(wait) - absl::Microseconds(1));
    // Civil time has no say.
    fixture.clock.civil.Advance(absl::Hours(24 * 30));
    REQUIRE(*worker->RunOnce() == 0);
    fixture.clock.security.Advance(absl::Microseconds(1));
    REQUIRE(*worker->RunOnce() == 1);
  }
  CHECK(made.size() == 10);
  CHECK(fixture.StateOf("c1") == kOpen);
}

TEST_CASE("only the reasons of a refusal are final; then the next of the subject goes") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  for (int code = 1; code <= 16; ++code) {
    const bool final = code % 2 == 0;
    const absl::Status outcome = MakeError(static_cast<absl::StatusCode>(code),
                                           final ? "PARTNER_REFUSES" : "PARTNER_BUSY", "as told");
    const std::string subject = absl::StrCat("dossiers/", code);
    const std::string id = absl::StrCat("first", code);
    fixture.AddSubject(subject);
    REQUIRE(fixture.AddCall(id, subject, 1).ok());
    REQUIRE(fixture.AddCall(absl::StrCat("second", code), subject, 2).ok());
    INFO(outcome);
    Journal made, recorded;
    const auto worker = fixture.NewWorker(
        [&](const Call& call, absl::Time) {
          made.push_back(call.id);
          return call.id == id ? outcome : absl::OkStatus();
        },
        Recording(recorded), {.kind = kKind, .final_reasons = {"PARTNER_REFUSES"}});
    CHECK(*worker->RunOnce() == (final ? 2 : 1));
    CHECK(recorded[0] ==
          absl::StrCat(id, " ", absl::StatusCodeToString(outcome.code()), final ? " final" : ""));
    CHECK(fixture.StateOf(id) == (final ? kFailed : kOpen));
    CHECK(fixture.StateOf(absl::StrCat("second", code)) == (final ? kDone : kOpen));
  }
}

TEST_CASE("those that wait for an earlier one of their subject are not looked at") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(fixture.AddCall(absl::StrCat("c", i), "dossiers/a", i).ok());
  }
  constexpr char kDue[] =
      "SELECT COUNT(*) FROM calls WHERE state = 0 AND next_attempt_time <= :now";
  const auto due = [&] {
    return ReadInt(*fixture.db, kDue, {{"now", fixture.clock.SecurityNow() + absl::Hours(9999)}});
  };
  CHECK(due() == 1);
  Journal made;
  absl::Status outcome = MakeError(absl::StatusCode::kUnavailable, "PARTNER_BUSY", "not now");
  const auto worker = fixture.NewWorker(
      [&](const Call& call, absl::Time) {
        made.push_back(call.id);
        return outcome;
      },
      NothingRecorded);
  CHECK(*worker->RunOnce() == 1);
  CHECK(due() == 1);
  fixture.clock.security.Advance(absl::Seconds(1));
  outcome = absl::OkStatus();
  CHECK(*worker->RunOnce() == 3);
  CHECK(made == Journal{"c1", "c1", "c2", "c3"});
}

TEST_CASE("what is done keeps no request, and is deleted in time; what failed stays") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  for (const int i : {1, 2}) {
    REQUIRE(fixture.AddCall(absl::StrCat("c", i), "dossiers/a", i).ok());
  }
  Journal made;
  const auto worker = fixture.NewWorker(
      [&](const Call& call, absl::Time) {
        return call.id == "c1" ? absl::OkStatus()
                               : MakeError(absl::StatusCode::kInvalidArgument, "REFUSED", "never");
      },
      NothingRecorded, {.kind = kKind, .final_reasons = {"REFUSED"}});
  CHECK(*worker->RunOnce() == 2);
  const auto stored = ReadOne(*fixture.db, "SELECT request FROM calls ORDER BY id");
  REQUIRE(stored.ok());
  CHECK(stored->rows[0].Blob(0).empty());
  CHECK_FALSE(stored->rows[1].Blob(0).empty());
  const absl::Time now = fixture.clock.CivilNow();
  REQUIRE(DeleteDoneCalls(*fixture.db, now + kDoneLifetime - absl::Seconds(1)).ok());
  CHECK(fixture.CountOf(kDone) == 1);
  fixture.clock.civil.Advance(kDoneLifetime);
  REQUIRE(Sweep(*fixture.db, fixture.clock).ok());
  CHECK(fixture.CountOf(kDone) == 0);
  CHECK(fixture.CountOf(kFailed) == 1);
}

TEST_CASE("an outcome that cannot be recorded leaves nothing, and the call is made again") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  REQUIRE(RunOne(*fixture.db, "CREATE TABLE effects (id TEXT NOT NULL)").ok());
  Journal made;
  bool dies = true;
  const auto worker = fixture.NewWorker(
      Answering(made), [&](sql::Transaction& tx, const Call& call, const Outcome&) {
        const absl::Status status =
            tx.Execute("INSERT INTO effects (id) VALUES (:id)", {{"id", call.id}}).status();
        return status.ok() && dies ? absl::InternalError("dies here") : status;
      });
  // As a process that ends between the call and the commit of its outcome.
  CHECK_FALSE(worker->RunOnce().ok());
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM effects") == 0);
  dies = false;
  // The claim holds for the time of an attempt and the margin.
  fixture.clock.security.Advance(absl::Seconds(60) + kClaimMargin);
  CHECK(*worker->RunOnce() == 0);
  fixture.clock.security.Advance(absl::Microseconds(1));
  CHECK(*worker->RunOnce() == 1);
  CHECK(made == Journal{"c1", "c1"});
  CHECK(ReadInt(*fixture.db, "SELECT COUNT(*) FROM effects") == 1);
  CHECK(ReadInt(*fixture.db, "SELECT attempts FROM calls") == 2);
  CHECK(fixture.StateOf("c1") == kDone);
}

TEST_CASE(
    "a claim keeps others away until it runs out; then the one who was late records nothing") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  const auto other_db = fixture.db.OpenAnother();
  absl::Notification begun, go;
  Journal late_recorded, made, recorded;
  const auto late = fixture.NewWorker(
      [&](const Call&, absl::Time) {
        begun.Notify();
        go.WaitForNotificationWithTimeout(sql::kPatience);
        return MakeError(absl::StatusCode::kInvalidArgument, "REFUSED", "never");
      },
      Recording(late_recorded), {.kind = kKind, .final_reasons = {"REFUSED"}});
  CallWorker other(other_db.get(), &fixture.keys, &fixture.clock, &fixture.metrics, {.kind = kKind},
                   Answering(made), Recording(recorded));
  absl::StatusOr<int> late_made = 0;
  std::thread thread([&] { late_made = late->RunOnce(); });
  CHECK(begun.WaitForNotificationWithTimeout(sql::kPatience));
  // A year of the simulation does not end a claim.
  fixture.clock.civil.Advance(absl::Hours(24 * 365));
  CHECK(*other.RunOnce() == 0);
  fixture.clock.security.Advance(absl::Seconds(76));
  CHECK(*other.RunOnce() == 1);
  go.Notify();
  thread.join();
  CHECK(*late_made == 1);
  CHECK(late_recorded.empty());
  CHECK(made == Journal{"c1"});
  CHECK(recorded == Journal{"c1 OK"});
  CHECK(fixture.StateOf("c1") == kDone);
}

TEST_CASE("calls that cannot be read do not hold the others") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  for (const char* id : {"erased", "damaged", "foreign", "good"}) {
    fixture.AddSubject(absl::StrCat("dossiers/", id));
    REQUIRE(fixture.AddCall(id, absl::StrCat("dossiers/", id), 1).ok());
  }
  fixture.Erase("dossiers/erased");
  REQUIRE(RunOne(*fixture.db, "UPDATE calls SET request = :bytes WHERE id = 'damaged'",
                 {{"bytes", sql::Bytes{std::string(64, 'x')}}})
              .ok());
  REQUIRE(
      RunOne(*fixture.db, "UPDATE data_keys SET kek_id = 'gone' WHERE subject = 'dossiers/foreign'")
          .ok());
  Journal made, recorded;
  const auto worker = fixture.NewWorker(Answering(made), Recording(recorded));
  CHECK(*worker->RunOnce() == 4);
  CHECK(made == Journal{"good"});
  std::sort(recorded.begin(), recorded.end());
  CHECK(recorded == Journal{"damaged DATA_LOSS", "erased NOT_FOUND final",
                            "foreign FAILED_PRECONDITION", "good OK"});
  CHECK(fixture.StateOf("erased") == kFailed);
  // These may be read yet: of a restored backup, with a key given to the process.
  CHECK(fixture.StateOf("damaged") == kOpen);
  CHECK(fixture.StateOf("foreign") == kOpen);
}

TEST_CASE("a partner that says NOT_FOUND is asked again: that is no erasure") {
  CallsFixture fixture(sql::Database::Engine::kSqlite);
  fixture.AddSubject("dossiers/a");
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  Journal made;
  const auto worker = fixture.NewWorker(
      Answering(made, MakeError(absl::StatusCode::kNotFound, "DATA_KEY_ERASED", "theirs")),
      NothingRecorded);
  CHECK(*worker->RunOnce() == 1);
  CHECK(fixture.StateOf("c1") == kOpen);
}

TEST_CASE("a call is made again: once it was made, has failed, or is not kept any more") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  absl::Status outcome = MakeError(absl::StatusCode::kUnavailable, "PARTNER_BUSY", "not now");
  Journal made;
  const auto worker = fixture.NewWorker(
      [&](const Call& call, absl::Time) {
        made.push_back(absl::StrCat(call.id, " ", call.attempts, " ", call.request));
        return outcome;
      },
      NothingRecorded, {.kind = kKind, .final_reasons = {"REFUSED"}});
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  REQUIRE(fixture.AddCall("c2", "dossiers/a", 2).ok());
  // Open: it stays as it is, also when it was tried, also when it waits.
  CHECK_FALSE(*fixture.RepeatCall("x1", "dossiers/a", 1));
  CHECK(*worker->RunOnce() == 1);
  CHECK_FALSE(*fixture.RepeatCall("x1", "dossiers/a", 1));
  CHECK_FALSE(*fixture.RepeatCall("x2", "dossiers/a", 2));
  fixture.clock.security.Advance(absl::Minutes(2));
  outcome = MakeError(absl::StatusCode::kInvalidArgument, "REFUSED", "never");
  CHECK(*worker->RunOnce() == 2);
  CHECK(fixture.CountOf(kFailed) == 2);

  made.clear();
  outcome = absl::OkStatus();
  fixture.clock.civil.Advance(absl::Hours(1));
  CHECK(*fixture.RepeatCall("again", "dossiers/a", 2));
  CHECK_FALSE(*fixture.RepeatCall("twice", "dossiers/a", 2));
  // Its age counts from now.
  CHECK(ReadInt(*fixture.db, "SELECT create_time FROM calls WHERE id = 'again'") ==
        absl::ToUnixMicros(fixture.clock.CivilNow()));
  CHECK(*worker->RunOnce() == 1);
  CHECK(made == Journal{"again 1 request of again"});
  CHECK(fixture.StateOf("again") == kDone);
  CHECK(fixture.CountOf(kFailed) == 1);

  CHECK(*fixture.RepeatCall("done", "dossiers/a", 2));
  CHECK(*worker->RunOnce() == 1);
  fixture.clock.civil.Advance(2 * kDoneLifetime);
  REQUIRE(DeleteDoneCalls(*fixture.db, fixture.clock.CivilNow()).ok());
  REQUIRE(fixture.CountOf(kDone) == 0);
  CHECK(*fixture.RepeatCall("deleted", "dossiers/a", 2));
  CHECK(*worker->RunOnce() == 1);
  CHECK(made == Journal{"again 1 request of again", "done 1 request of done",
                        "deleted 1 request of deleted"});
}

TEST_CASE("a call that is made again waits for those before it") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  Journal made;
  const auto worker = fixture.NewWorker(Answering(made), NothingRecorded);
  REQUIRE(fixture.AddCall("c2", "dossiers/a", 2).ok());
  REQUIRE(*worker->RunOnce() == 1);
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  REQUIRE(*fixture.RepeatCall("again", "dossiers/a", 2));
  CHECK(*worker->RunOnce() == 2);
  CHECK(made == Journal{"c2", "c1", "again"});
}

TEST_CASE("who is late with the attempt before a repetition settles nothing") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/a");
  REQUIRE(fixture.AddCall("c1", "dossiers/a", 1).ok());
  Journal late_recorded, made;
  const auto other = fixture.NewWorker(Answering(made), NothingRecorded);
  const auto late = fixture.NewWorker(
      [&](const Call& call, absl::Time) -> absl::Status {
        if (call.id == "again") return absl::OkStatus();
        // Its claim runs out; another makes the call; an operator has it made again.
        fixture.clock.security.Advance(absl::Hours(1));
        REQUIRE(*other->RunOnce() == 1);
        REQUIRE(*fixture.RepeatCall("again", "dossiers/a", 1));
        return MakeError(absl::StatusCode::kInvalidArgument, "REFUSED", "never");
      },
      Recording(late_recorded), {.kind = kKind, .final_reasons = {"REFUSED"}});
  CHECK(*late->RunOnce() == 2);
  CHECK(made == Journal{"c1"});
  CHECK(late_recorded == Journal{"again OK"});
  CHECK(fixture.StateOf("again") == kDone);
}

TEST_CASE("RunOnce ends") {
  CallsFixture fixture(sql::Database::Engine::kSqlite);
  fixture.AddSubject("dossiers/a");
  for (int i = 0; i < kMaxAttemptsInARow + 3; ++i) {
    REQUIRE(fixture.AddCall(absl::StrCat("c", i), "dossiers/a", i).ok());
  }
  Journal made;
  const auto worker = fixture.NewWorker(Answering(made), NothingRecorded);
  CHECK(*worker->RunOnce() == kMaxAttemptsInARow);
  CHECK(*worker->RunOnce() == 3);
  CHECK(fixture.CountOf(kDone) == kMaxAttemptsInARow + 3);
}

TEST_CASE("a call that failed is tried again before those that came after it") {
  CallsFixture fixture(GENERATE(from_range(kBothEngines)));
  fixture.AddSubject("dossiers/old");
  REQUIRE(fixture.AddCall("old", "dossiers/old", 1).ok());
  std::vector<std::string> order;
  const auto worker = fixture.NewWorker(
      [&](const Call& call, absl::Time) -> absl::Status {
        order.push_back(call.id);
        return call.attempts == 1 && call.id == "old" ? absl::UnavailableError("not now")
                                                      : absl::OkStatus();
      },
      NothingRecorded);
  REQUIRE(*worker->RunOnce() == 1);
  // Its turn comes; then fresh work.
  fixture.clock.security.Advance(absl::Seconds(1));
  fixture.AddSubject("dossiers/new");
  REQUIRE(fixture.AddCall("new", "dossiers/new", 1).ok());
  REQUIRE(*worker->RunOnce() == 2);
  CHECK(order == std::vector<std::string>{"old", "old", "new"});
}

}  // namespace
}  // namespace lgsp::durable
