// Transactions of many callers: the same on both engines.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/sql/fixture_test.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr Migration kCounters = {1,
                                 "CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, n BIGINT "
                                 "NOT NULL, revision BIGINT NOT NULL);",
                                 ""};

absl::Status Insert(Transaction& tx, absl::string_view name) {
  return tx
      .Execute("INSERT INTO counters (name, n, revision) VALUES (:name, 0, 1)", {{"name", name}})
      .status();
}

absl::Status Increment(Transaction& tx, absl::string_view name) {
  ASSIGN_OR_RETURN(
      const Result loaded,
      tx.Execute("SELECT n, revision FROM counters WHERE name = :name", {{"name", name}}));
  ASSIGN_OR_RETURN(
      const Result saved,
      tx.Execute(
          "UPDATE counters SET n = :n, revision = revision + 1 "
          "WHERE name = :name AND revision = :loaded",
          {{"n", loaded.rows[0].Int(0) + 1}, {"name", name}, {"loaded", loaded.rows[0].Int(1)}}));
  return saved.changed == 1 ? absl::OkStatus() : RevisionConflict();
}

int Count(const std::vector<absl::Status>& statuses, absl::string_view reason) {
  return static_cast<int>(
      std::count_if(statuses.begin(), statuses.end(), [&](const absl::Status& status) {
        return reason == (status.ok() ? "OK" : ErrorReason(status));
      }));
}

std::unique_ptr<TestDatabase> NewCounters(Database::Engine engine, const Options& options = {}) {
  auto db = std::make_unique<TestDatabase>(engine, options);
  REQUIRE((*db)->Migrate({kCounters}).ok());
  return db;
}

TEST_CASE("a failing body harms no other and leaves nothing") {
  Options options;
  options.pool_size = 1;
  const auto db = NewCounters(GENERATE(from_range(kBothEngines)), options);
  constexpr int kGood = 10, kCallers = 4 * kGood;
  Occupant occupant(**db, false);
  Crowd crowd(kCallers, [&](int i) {
    return (*db)->Run([&](Transaction& tx) -> absl::Status {
      RETURN_IF_ERROR(Insert(tx, absl::StrCat("c", i)));
      if (i % 4 == 1)
        return MakeError(absl::StatusCode::kNotFound, "OWN_REASON", "the body's own error");
      if (i % 4 == 2) return Insert(tx, absl::StrCat("c", i));
      if (i % 4 == 3) return tx.Execute("SELEKT").status();
      return absl::OkStatus();
    });
  });
  // All of them wait for the one inside, and so share its commit, or that of others of them.
  REQUIRE(Eventually([&] { return db->Metric("sql_waiting") == kCallers; }));
  REQUIRE(occupant.Leave().ok());
  const auto& answers = crowd.Join();
  for (int i = 0; i < kCallers; ++i) {
    constexpr const char* kExpected[] = {"", "OWN_REASON", "SQL_UNIQUE_VIOLATION",
                                         "SQL_STATEMENT_WRONG"};
    INFO(answers[i]);
    REQUIRE(ErrorReason(answers[i]) == kExpected[i % 4]);
    REQUIRE(answers[i].ok() == (i % 4 == 0));
  }
  REQUIRE(ReadInt(**db, "SELECT COUNT(*) FROM counters") == kGood);
  for (int i = 0; i < kCallers; i += 4) {
    REQUIRE(ReadInt(**db, "SELECT COUNT(*) FROM counters WHERE name = :n",
                    {{"n", absl::StrCat("c", i)}}) == 1);
  }
  REQUIRE(db->Metric("sql_transactions_total{mode=\"run\",outcome=\"error\"}") == kCallers - kGood);
  // Those that ended well, with the occupant and two of the migration.
  REQUIRE(db->Metric("sql_transactions_total{mode=\"run\",outcome=\"ok\"}") == kGood + 3);
  REQUIRE(db->Metric("sql_waiting") == 0);
}

TEST_CASE("those who wait share one commit") {
  Options options;
  options.pool_size = 1;
  const auto db = NewCounters(GENERATE(from_range(kBothEngines)), options);
  constexpr int kCallers = 15;
  const double commits = db->Metric("sql_commit_batch_size_count");
  const double requests = db->Metric("sql_commit_batch_size_sum");
  Occupant occupant(**db, false);
  Crowd crowd(kCallers, [&](int i) {
    return (*db)->Run([&](Transaction& tx) { return Insert(tx, absl::StrCat("c", i)); });
  });
  REQUIRE(Eventually([&] { return db->Metric("sql_waiting") == kCallers; }));
  REQUIRE(occupant.Leave().ok());
  REQUIRE(Count(crowd.Join(), "OK") == kCallers);
  REQUIRE(db->Metric("sql_commit_batch_size_count") - commits == 1);
  REQUIRE(db->Metric("sql_commit_batch_size_sum") - requests == kCallers + 1);
  REQUIRE(ReadInt(**db, "SELECT COUNT(*) FROM counters") == kCallers);
}

TEST_CASE("a conflicting body is run again, but not for ever") {
  const auto db = NewCounters(GENERATE(from_range(kBothEngines)));
  const int conflicts = GENERATE(0, 1, kMaxAttempts - 1, kMaxAttempts, kMaxAttempts + 5);
  int attempts = 0;
  const absl::Status status = (*db)->Run([&](Transaction& tx) -> absl::Status {
    RETURN_IF_ERROR(Insert(tx, absl::StrCat("attempt", attempts)));
    return ++attempts <= conflicts ? RevisionConflict() : absl::OkStatus();
  });
  const bool success = conflicts < kMaxAttempts;
  REQUIRE(attempts == (success ? conflicts + 1 : kMaxAttempts));
  REQUIRE(ErrorReason(status) == (success ? "" : "REVISION_CONFLICT"));
  REQUIRE(absl::IsAborted(status) == !success);
  // What the given-up attempts wrote is gone.
  REQUIRE(ReadInt(**db, "SELECT COUNT(*) FROM counters") == (success ? 1 : 0));
  REQUIRE(db->Metric("sql_transactions_total{mode=\"run\",outcome=\"conflict\"}") ==
          std::min(conflicts, kMaxAttempts));
}

TEST_CASE("increments under races are never lost") {
  const auto db = NewCounters(GENERATE(from_range(kBothEngines)));
  constexpr int kThreads = 8, kEach = 50;
  REQUIRE((*db)->Run([](Transaction& tx) { return Insert(tx, "c"); }).ok());
  std::atomic<int> done = 0;
  std::atomic<int> aborted = 0;
  Crowd crowd(kThreads, [&](int) -> absl::Status {
    for (int i = 0; i < kEach; ++i) {
      const absl::Status status = (*db)->Run([](Transaction& tx) { return Increment(tx, "c"); });
      if (ErrorReason(status) == "REVISION_CONFLICT") {
        ++aborted;
      } else {
        RETURN_IF_ERROR(status);
        ++done;
      }
    }
    return absl::OkStatus();
  });
  REQUIRE(Count(crowd.Join(), "OK") == kThreads);
  REQUIRE(done + aborted == kThreads * kEach);
  REQUIRE(done > 0);
  REQUIRE(ReadInt(**db, "SELECT n FROM counters") == done);
  REQUIRE(ReadInt(**db, "SELECT revision FROM counters") == done + 1);
}

TEST_CASE("a Read sees one state") {
  const auto db = NewCounters(GENERATE(from_range(kBothEngines)));
  std::vector<int64_t> seen;
  const absl::Status status = (*db)->Read([&](Transaction& tx) -> absl::Status {
    for (int i = 0; i < 2; ++i) {
      ASSIGN_OR_RETURN(const Result row, tx.Execute("SELECT COUNT(*) FROM counters"));
      seen.push_back(row.rows[0].Int(0));
      Crowd writer(1, [&](int) {
        return (*db)->Run([&](Transaction& w) { return Insert(w, absl::StrCat("w", i)); });
      });
      RETURN_IF_ERROR(writer.Join()[0]);
    }
    return absl::OkStatus();
  });
  INFO(status);
  REQUIRE(status.ok());
  REQUIRE(seen == std::vector<int64_t>{0, 0});
  REQUIRE(ReadInt(**db, "SELECT COUNT(*) FROM counters") == 2);
}

TEST_CASE("waiting has a limit in number and in time") {
  const auto engine = GENERATE(from_range(kBothEngines));
  const bool read = GENERATE(false, true);
  Options options;
  options.pool_size = 1;
  options.max_waiting = 2;
  const auto db = NewCounters(engine, options);
  const auto transact = [&](Body body, absl::Time deadline = absl::InfiniteFuture()) {
    return read ? (*db)->Read(body, deadline) : (*db)->Run(body, deadline);
  };
  REQUIRE(ErrorReason(transact(Nothing, absl::Now() - absl::Seconds(1))) == "SQL_QUEUE_TIMEOUT");
  REQUIRE(transact(Nothing, absl::Now() + kPatience).ok());

  Occupant occupant(**db, read);
  const absl::Status late = transact(Nothing, absl::Now() + absl::Milliseconds(30));
  REQUIRE(absl::IsDeadlineExceeded(late));
  REQUIRE(ErrorReason(late) == "SQL_QUEUE_TIMEOUT");
  REQUIRE(db->Metric("sql_waiting") == 0);

  Crowd crowd(2, [&](int) { return transact(Nothing); });
  REQUIRE(Eventually([&] { return db->Metric("sql_waiting") == 2; }));
  const absl::Status third = transact(Nothing);
  REQUIRE(absl::IsResourceExhausted(third));
  REQUIRE(ErrorReason(third) == "SQL_QUEUE_FULL");
  REQUIRE(occupant.Leave().ok());
  REQUIRE(Count(crowd.Join(), "OK") == 2);
  REQUIRE(transact(Nothing).ok());
}

TEST_CASE("a Database that ends lets those who wait finish") {
  const auto engine = GENERATE(from_range(kBothEngines));
  Options options;
  options.pool_size = 1;
  const auto db = NewCounters(engine, options);
  constexpr int kCallers = 10;
  Database& database = **db;
  Occupant occupant(database, false);
  Crowd crowd(kCallers, [&](int i) {
    return database.Run([&](Transaction& tx) { return Insert(tx, absl::StrCat("c", i)); });
  });
  REQUIRE(Eventually([&] { return db->Metric("sql_waiting") == kCallers; }));
  std::thread closing([&] { db->Close(); });
  const absl::Status left = occupant.Leave();
  closing.join();
  REQUIRE(left.ok());
  REQUIRE(Count(crowd.Join(), "OK") == kCallers);
  REQUIRE(ReadInt(*db->OpenAnother(), "SELECT COUNT(*) FROM counters") == kCallers);
}

// Writes pairs of rows from several threads, a line to `reports` for each that was answered with
// OK, until killed.
void WriteUntilKilled(Database& database, int reports) {
  constexpr int kThreads = 4;
  Crowd crowd(kThreads, [&](int t) -> absl::Status {
    for (int i = 0;; ++i) {
      const std::string name = absl::StrCat(t, "-", i);
      RETURN_IF_ERROR(database.Run([&](Transaction& tx) -> absl::Status {
        RETURN_IF_ERROR(Insert(tx, absl::StrCat("a", name)));
        return Insert(tx, absl::StrCat("b", name));
      }));
      const std::string line = absl::StrCat(name, "\n");
      if (write(reports, line.data(), line.size()) < 0) return absl::OkStatus();
    }
  });
  crowd.Join();
}

TEST_CASE("what was answered with OK is there after kill -9, and nothing by halves") {
  const auto db = NewCounters(GENERATE(from_range(kBothEngines)));
  // A child has no threads of its parent: it opens its own.
  db->Close();
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    WriteUntilKilled(*db->OpenAnother(), ends[1]);
    _exit(0);
  }
  close(ends[1]);
  std::string reports;
  char buffer[256];
  bool killed = false;
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    reports.append(buffer, n);
    if (reports.size() > 1000) killed = killed || kill(child, SIGKILL) == 0;
  }
  close(ends[0]);
  int outcome = 0;
  REQUIRE(waitpid(child, &outcome, 0) == child);
  REQUIRE(killed);
  REQUIRE(WIFSIGNALED(outcome));

  const auto after = db->OpenAnother();
  const auto rows = ReadOne(*after, "SELECT name FROM counters");
  REQUIRE(rows.ok());
  std::set<std::string> kept;
  for (const Row& row : rows->rows) kept.insert(row.Text(0));
  int told = 0;
  for (const absl::string_view name : absl::StrSplit(reports, '\n', absl::SkipEmpty())) {
    REQUIRE(kept.count(absl::StrCat("a", name)) == 1);
    ++told;
  }
  REQUIRE(told > 100);
  for (const std::string& name : kept) {
    REQUIRE(kept.count(absl::StrCat(name[0] == 'a' ? "b" : "a", name.substr(1))) == 1);
  }
  REQUIRE(RunOne(*after, "DELETE FROM counters").ok());
}

// What a child process that did `work` wrote on stderr before it died by SIGABRT; empty when it did
// not.
std::string LastWords(const std::function<void()>& work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    work();
    _exit(0);
  }
  close(ends[1]);
  std::string words;
  char buffer[512];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) words.append(buffer, n);
  close(ends[0]);
  int outcome = 0;
  REQUIRE(waitpid(child, &outcome, 0) == child);
  return WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGABRT ? words : "";
}

TEST_CASE("programming errors stop the process") {
  const auto engine = GENERATE(from_range(kBothEngines));
  TestDatabase db(engine);
  // A child has no threads of its parent: it opens its own.
  db.Close();
  const auto in_body = [&](const std::function<void(Database&)>& what) {
    return LastWords([&] {
      const auto own = db.OpenAnother();
      (void)own->Run([&](Transaction&) {
        what(*own);
        return absl::OkStatus();
      });
    });
  };
  REQUIRE_THAT(in_body([](Database& own) { (void)own.Run(Nothing); }),
               Catch::Contains("inside a body"));
  REQUIRE_THAT(in_body([](Database& own) { (void)own.Read(Nothing); }),
               Catch::Contains("inside a body"));
  REQUIRE(in_body([](Database&) {}).empty());
  const Row row({Value(int64_t{1})});
  REQUIRE_THAT(LastWords([&] { (void)row.Text(0); }), Catch::Contains("column 0 of 1 is not TEXT"));
  REQUIRE_THAT(LastWords([&] { (void)row.Int(1); }), Catch::Contains("column 1 of 1"));
  REQUIRE_THAT(LastWords([&] { (void)row.IsNull(-1); }), Catch::Contains("column -1"));
}

}  // namespace
}  // namespace lgsp::sql
