// PostgreSQL: Runs that share a transaction, and what one of them must not do to the others.
#include <catch2/catch.hpp>
#include <functional>

#include "absl/strings/str_cat.h"
#include "libs/sql/fixture_test.h"
#include "libs/sql/postgres_database.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr Migration kSchema = {
    1,
    "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY);\n"
    "CREATE TABLE counter (one BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL);\n"
    "INSERT INTO counter (one, n) VALUES (1, 0);\n"
    "CREATE TABLE checked (id BIGINT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED);\n"
    "CREATE TABLE deadly (id BIGINT);\n"
    "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
    "  PERFORM pg_terminate_backend(pg_backend_pid());\n"
    "  RETURN NULL;\n"
    "END $$;\n"
    "CREATE CONSTRAINT TRIGGER deadly_die AFTER INSERT ON deadly DEFERRABLE "
    "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die();",
    ""};

absl::Status Insert(Transaction& tx, int id) {
  return tx.Execute("INSERT INTO t (id) VALUES (:id)", {{"id", id}}).status();
}

absl::Status Increment(Transaction& tx) {
  return tx.Execute("UPDATE counter SET n = n + 1 WHERE one = 1").status();
}

// One connection; who calls Run while it is in use waits and then shares.
class Shared {
 public:
  Shared() : db_(Database::Engine::kPostgres, Single()) {
    const absl::Status migrated = db_->Migrate({kSchema});
    INFO(migrated);
    REQUIRE(migrated.ok());
  }

  // The i-th caller inserts i and calls `odd` when it is the one in the middle. All share the
  // transaction of somebody who came before them, whose answer is the last.
  std::vector<absl::Status> RunTogether(const std::function<absl::Status(Transaction&)>& odd) {
    const double commits = db_.Metric("sql_commit_batch_size_count");
    Occupant first(*db_, false);
    Crowd crowd(kCallers, [&](int i) {
      return db_->Run([&](Transaction& tx) -> absl::Status {
        RETURN_IF_ERROR(Insert(tx, i));
        return i == kOdd ? odd(tx) : absl::OkStatus();
      });
    });
    REQUIRE(Eventually([&] { return db_.Metric("sql_waiting") == kCallers; }));
    const absl::Status of_first = first.Leave();
    std::vector<absl::Status> answers = crowd.Join();
    answers.push_back(of_first);
    // They did share.
    REQUIRE(db_.Metric("sql_commit_batch_size_sum") - commits > 2);
    return answers;
  }

  int64_t Rows() { return ReadInt(*db_, "SELECT COUNT(*) FROM t"); }
  TestDatabase& db() { return db_; }

  static constexpr int kCallers = 7, kOdd = 3;

 private:
  static Options Single() {
    Options options;
    options.pool_size = 1;
    return options;
  }
  TestDatabase db_;
};

// All but the odd one, whose answer is returned.
absl::Status RequireOthersWell(const std::vector<absl::Status>& answers) {
  for (size_t i = 0; i < answers.size(); ++i) {
    INFO(i << ": " << answers[i]);
    REQUIRE((i == Shared::kOdd || answers[i].ok()));
  }
  return answers[Shared::kOdd];
}

TEST_CASE_METHOD(Shared, "PostgreSQL: the failure of one that shares is its own") {
  struct Case {
    absl::string_view sql;
    absl::string_view reason;
  };
  const Case one =
      GENERATE(Case{"INSERT INTO t (id) VALUES (3)", "SQL_UNIQUE_VIOLATION"},
               Case{"SELEKT", "SQL_STATEMENT_WRONG"},
               // Refused only by the COMMIT of all.
               Case{"INSERT INTO checked (id) VALUES (99)", "SQL_CONSTRAINT_VIOLATION"},
               Case{"SELECT pg_terminate_backend(pg_backend_pid())", "SQL_CONNECTION_LOST"});
  INFO(one.sql);
  const auto answers = RunTogether([&](Transaction& tx) { return tx.Execute(one.sql).status(); });
  REQUIRE(ErrorReason(RequireOthersWell(answers)) == one.reason);
  REQUIRE(Rows() == kCallers - 1);
}

TEST_CASE_METHOD(Shared, "PostgreSQL: an own error of one that shares comes once, after one run") {
  int runs = 0;
  const auto answers = RunTogether([&](Transaction&) {
    ++runs;
    return MakeError(absl::StatusCode::kNotFound, "OWN_REASON", "the body's own error");
  });
  REQUIRE(ErrorReason(RequireOthersWell(answers)) == "OWN_REASON");
  REQUIRE(runs == 1);
  REQUIRE(Rows() == kCallers - 1);
}

TEST_CASE_METHOD(Shared, "PostgreSQL: who conflicts while sharing is run again alone") {
  const int conflicts = GENERATE(1, kMaxAttempts - 1, kMaxAttempts);
  int runs = 0;
  const auto answers = RunTogether(
      [&](Transaction&) { return ++runs <= conflicts ? RevisionConflict() : absl::OkStatus(); });
  const bool success = conflicts < kMaxAttempts;
  REQUIRE(ErrorReason(RequireOthersWell(answers)) == (success ? "" : "REVISION_CONFLICT"));
  REQUIRE(runs == (success ? conflicts + 1 : kMaxAttempts));
  REQUIRE(Rows() == kCallers - (success ? 0 : 1));
}

TEST_CASE_METHOD(Shared, "PostgreSQL: a slow one that shares is run again alone") {
  int runs = 0;
  const auto answers = RunTogether([&](Transaction& tx) {
    ++runs;
    return tx.Execute("SELECT pg_sleep(0.5)").status();
  });
  REQUIRE(RequireOthersWell(answers).ok());
  REQUIRE(runs == 2);
  REQUIRE(Rows() == kCallers);
}

TEST_CASE_METHOD(Shared, "PostgreSQL: who waits for a lock lets those it shares with go") {
  const auto other = db().OpenAnother();
  Gate locked, leave;
  Crowd holder(1, [&](int) {
    return other->Run([&](Transaction& tx) -> absl::Status {
      RETURN_IF_ERROR(Increment(tx));
      locked.Open();
      leave.Wait();
      return absl::OkStatus();
    });
  });
  REQUIRE(locked.Wait());
  // The others' rows are there while the odd one still waits.
  Crowd watch(1, [&](int) {
    const bool seen = Eventually([&] {
      return ReadInt(*other, "SELECT COUNT(*) FROM t WHERE id < :odd", {{"odd", kOdd}}) == kOdd;
    });
    leave.Open();
    return seen ? absl::OkStatus() : absl::InternalError("the others wait too");
  });
  const auto answers = RunTogether(Increment);
  REQUIRE(RequireOthersWell(answers).ok());
  REQUIRE(watch.Join()[0].ok());
  REQUIRE(holder.Join()[0].ok());
  REQUIRE(ReadInt(*db(), "SELECT n FROM counter") == 2);
  REQUIRE(Rows() == kCallers);
}

TEST_CASE_METHOD(Shared, "PostgreSQL: a commit with an unknown outcome is told to all who shared") {
  const auto answers = RunTogether(
      [](Transaction& tx) { return tx.Execute("INSERT INTO deadly (id) VALUES (1)").status(); });
  for (const absl::Status& answer : answers) {
    INFO(answer);
    REQUIRE(ErrorReason(answer) == "SQL_OUTCOME_UNKNOWN");
  }
  REQUIRE(Rows() == 0);
}

TEST_CASE_METHOD(Shared, "PostgreSQL: who failed for a row that was lost is run again") {
  Occupant first(*db(), false);
  Crowd lost(1, [&](int) {
    return db()->Run([](Transaction& tx) -> absl::Status {
      RETURN_IF_ERROR(Insert(tx, 1));
      return tx.Execute("INSERT INTO deadly (id) VALUES (1)").status();
    });
  });
  REQUIRE(Eventually([&] { return db().Metric("sql_waiting") == 1; }));
  Crowd same(1, [&](int) { return db()->Run([](Transaction& tx) { return Insert(tx, 1); }); });
  REQUIRE(Eventually([&] { return db().Metric("sql_waiting") == 2; }));
  REQUIRE(ErrorReason(first.Leave()) == "SQL_OUTCOME_UNKNOWN");
  REQUIRE(ErrorReason(lost.Join()[0]) == "SQL_OUTCOME_UNKNOWN");
  const absl::Status again = same.Join()[0];
  INFO(again);
  REQUIRE(again.ok());
  REQUIRE(Rows() == 1);
}

TEST_CASE_METHOD(Shared, "PostgreSQL: nobody is kept for the sake of those who come after") {
  const double commits = db().Metric("sql_commit_batch_size_count");
  constexpr int kSlow = 8;
  Occupant first(*db(), false);
  Crowd slow(kSlow, [&](int) {
    return db()->Run([](Transaction& tx) { return tx.Execute("SELECT pg_sleep(0.15)").status(); });
  });
  REQUIRE(Eventually([&] { return db().Metric("sql_waiting") == kSlow; }));
  REQUIRE(first.Leave().ok());
  for (const absl::Status& answer : slow.Join()) REQUIRE(answer.ok());
  // At most two of them fit beside one who has a connection.
  REQUIRE(db().Metric("sql_commit_batch_size_count") - commits >= kSlow / 3);
}

TEST_CASE("PostgreSQL: a queue longer than a shared transaction, and deadlines in it") {
  Options options;
  options.pool_size = 1;
  TestDatabase db(Database::Engine::kPostgres, options);
  REQUIRE(db->Migrate({kSchema}).ok());
  constexpr int kPatient = 2 * static_cast<int>(kMaxShared) + 4, kImpatient = 5;
  const double commits = db.Metric("sql_commit_batch_size_count");
  Occupant first(*db, false);
  Crowd patient(kPatient,
                [&](int i) { return db->Run([&](Transaction& tx) { return Insert(tx, i); }); });
  REQUIRE(Eventually([&] { return db.Metric("sql_waiting") == kPatient; }));
  Crowd impatient(kImpatient, [&](int i) {
    return db->Run([&](Transaction& tx) { return Insert(tx, kPatient + i); },
                   absl::Now() + absl::Milliseconds(50));
  });
  for (const absl::Status& answer : impatient.Join()) {
    REQUIRE(ErrorReason(answer) == "SQL_QUEUE_TIMEOUT");
  }
  REQUIRE(first.Leave().ok());
  for (const absl::Status& answer : patient.Join()) {
    INFO(answer);
    REQUIRE(answer.ok());
  }
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM t") == kPatient);
  REQUIRE(db.Metric("sql_commit_batch_size_count") - commits == 3);
}

}  // namespace
}  // namespace lgsp::sql
