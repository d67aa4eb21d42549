// What only PostgreSQL does.
#include "libs/testing/postgres.h"

#include <catch2/catch.hpp>
#include <limits>

#include "absl/strings/str_cat.h"
#include "libs/sql/fixture_test.h"
#include "libs/sql/postgres_connection.h"
#include "libs/sql/postgres_database.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr auto kPostgres = Database::Engine::kPostgres;

TEST_CASE("PostgreSQL: SQLSTATE") {
  struct Case {
    absl::string_view state;
    absl::StatusCode status;
    absl::string_view reason;
  };
  for (const Case& c : {
           Case{"23505", absl::StatusCode::kAlreadyExists, "SQL_UNIQUE_VIOLATION"},
           Case{"23502", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
           Case{"23503", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
           Case{"23514", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
           Case{"22003", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
           Case{"22001", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
           Case{"22021", absl::StatusCode::kInvalidArgument, "SQL_TEXT_INVALID"},
           Case{"22P02", absl::StatusCode::kInternal, "SQL_STATEMENT_WRONG"},
           Case{"40001", absl::StatusCode::kAborted, "SQL_CONFLICT"},
           Case{"40003", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{"40P01", absl::StatusCode::kAborted, "SQL_CONFLICT"},
           Case{"55P03", absl::StatusCode::kAborted, "SQL_CONFLICT"},
           Case{"57014", absl::StatusCode::kDeadlineExceeded, "SQL_STATEMENT_TIMEOUT"},
           Case{"53100", absl::StatusCode::kResourceExhausted, "SQL_DISK_FULL"},
           Case{"53300", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{"57P01", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{"25P03", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{"08006", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{"", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{"XX001", absl::StatusCode::kDataLoss, "SQL_DATA_CORRUPT"},
           Case{"42601", absl::StatusCode::kInternal, "SQL_STATEMENT_WRONG"},
           Case{"25006", absl::StatusCode::kInternal, "SQL_STATEMENT_WRONG"},
       }) {
    const absl::Status status = FromSqlState(c.state, "why");
    INFO(c.state);
    REQUIRE(status.code() == c.status);
    REQUIRE(ErrorReason(status) == c.reason);
  }
}

TEST_CASE("PostgreSQL: nothing is compiled") {
  TestDatabase db(Database::Engine::kPostgres);
  const auto status = db->Read([](Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const Result found, tx.Execute("SELECT current_setting('jit')"));
    REQUIRE(found.rows.at(0).Text(0) == "off");
    return absl::OkStatus();
  });
  INFO(status);
  REQUIRE(status.ok());
}

TEST_CASE("PostgreSQL: a database that sorts by a language is refused") {
  const auto url = testing::PostgresCluster::Shared().CreateDatabase("C.UTF-8");
  INFO(url.status());
  REQUIRE(url.ok());
  Options options;
  options.url = *url;
  const auto database = Database::Open(options);
  REQUIRE(absl::IsFailedPrecondition(database.status()));
  REQUIRE(ErrorReason(database.status()) == "SQL_COLLATION_WRONG");
}

TEST_CASE("PostgreSQL: servers that are not there, and URLs that are none") {
  Options options;
  options.url = "postgresql://nobody:secret@/none?host=/nonexistent";
  const auto database = Database::Open(options);
  REQUIRE(absl::IsUnavailable(database.status()));
  REQUIRE(ErrorReason(database.status()) == "SQL_CONNECTION_LOST");
  REQUIRE_THAT(database.status().ToString(),
               !Catch::Contains("secret") && !Catch::Contains("nobody"));
  options.url = "postgresql://x/y?no_such_option=1";
  REQUIRE(ErrorReason(Database::Open(options).status()) == "SQL_URL_INVALID");
}

TEST_CASE("PostgreSQL: a text is prepared once per connection") {
  Options options;
  options.pool_size = 1;
  TestDatabase db(kPostgres, options);
  const auto prepared = [&] { return ReadInt(*db, "SELECT COUNT(*) FROM pg_prepared_statements"); };
  const int64_t before = prepared();
  for (int i = 0; i < 5; ++i) REQUIRE(ReadInt(*db, "SELECT :i + 1", {{"i", i}}) == i + 1);
  REQUIRE(prepared() == before + 1);
}

TEST_CASE("PostgreSQL: no more connections than the pool has, however many want one") {
  Options options;
  options.pool_size = 3;
  TestDatabase db(kPostgres, options);
  constexpr int kThreads = 12;
  Crowd crowd(kThreads, [&](int) -> absl::Status {
    for (int i = 0; i < 20; ++i) RETURN_IF_ERROR(db->Run(Nothing));
    return absl::OkStatus();
  });
  for (const absl::Status& status : crowd.Join()) REQUIRE(status.ok());
  const int64_t open =
      ReadInt(*db, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()");
  REQUIRE(open >= 1);
  REQUIRE(open <= options.pool_size);
}

TEST_CASE("PostgreSQL: a connection lost in the middle, and one lost while idle") {
  Options options;
  options.pool_size = 1;
  TestDatabase db(kPostgres, options);
  REQUIRE(RunOne(*db, "CREATE TABLE t (id BIGINT)").ok());
  const absl::Status status = db->Run([](Transaction& tx) -> absl::Status {
    RETURN_IF_ERROR(tx.Execute("INSERT INTO t (id) VALUES (1)").status());
    return tx.Execute("SELECT pg_terminate_backend(pg_backend_pid())").status();
  });
  INFO(status);
  REQUIRE(absl::IsUnavailable(status));
  REQUIRE(ErrorReason(status) == "SQL_CONNECTION_LOST");
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM t") == 0);

  const auto other = db.OpenAnother();
  REQUIRE(RunOne(*other,
                 "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
                 "WHERE datname = current_database() AND pid <> pg_backend_pid()")
              ->rows.size() == 1);
  const auto after = RunOne(*db, "INSERT INTO t (id) VALUES (2)");
  INFO(after.status());
  REQUIRE(after.ok());
}

TEST_CASE("PostgreSQL: a connection lost during COMMIT leaves the outcome unknown") {
  TestDatabase db(kPostgres);
  const Migration dies_at_commit = {
      1,
      "CREATE TABLE t (id BIGINT);\n"
      "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
      "  PERFORM pg_terminate_backend(pg_backend_pid());\n"
      "  RETURN NULL;\n"
      "END $$;\n"
      "CREATE CONSTRAINT TRIGGER t_die AFTER INSERT ON t DEFERRABLE "
      "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die();",
      ""};
  const absl::Status migrated = db->Migrate({dies_at_commit});
  INFO(migrated);
  REQUIRE(migrated.ok());
  const absl::Status status = RunOne(*db, "INSERT INTO t (id) VALUES (1)").status();
  INFO(status);
  REQUIRE(absl::IsUnavailable(status));
  REQUIRE(ErrorReason(status) == "SQL_OUTCOME_UNKNOWN");
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM t") == 0);
}

TEST_CASE("PostgreSQL: an error of the COMMIT itself is that error") {
  TestDatabase db(kPostgres);
  const Migration deferred = {
      1,
      "CREATE TABLE a (id BIGINT PRIMARY KEY);\n"
      "CREATE TABLE b (a_id BIGINT REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED);",
      ""};
  REQUIRE(db->Migrate({deferred}).ok());
  REQUIRE(ErrorReason(RunOne(*db, "INSERT INTO b (a_id) VALUES (1)").status()) ==
          "SQL_CONSTRAINT_VIOLATION");
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM b") == 0);
}

TEST_CASE("PostgreSQL: a server that crashes and comes back") {
  auto cluster = testing::PostgresCluster::Start();
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  Options options;
  options.url = *(*cluster)->CreateDatabase();
  auto db = Database::Open(options);
  REQUIRE(db.ok());
  REQUIRE(RunOne(**db, "CREATE TABLE t (id BIGINT)").ok());
  REQUIRE(RunOne(**db, "INSERT INTO t (id) VALUES (1)").ok());
  const absl::Status status = (*db)->Run([&](Transaction& tx) -> absl::Status {
    RETURN_IF_ERROR(tx.Execute("INSERT INTO t (id) VALUES (2)").status());
    (*cluster)->KillServer();
    return tx.Execute("INSERT INTO t (id) VALUES (3)").status();
  });
  REQUIRE(ErrorReason(status) == "SQL_CONNECTION_LOST");
  REQUIRE(ErrorReason((*db)->Run(Nothing)) == "SQL_CONNECTION_LOST");
  const absl::Status started = (*cluster)->StartServer();
  INFO(started);
  REQUIRE(started.ok());
  REQUIRE(ReadInt(**db, "SELECT SUM(id) FROM t") == 1);
}

TEST_CASE("PostgreSQL: a statement ends with the deadline of its transaction") {
  TestDatabase db(kPostgres);
  const absl::Time start = absl::Now();
  const absl::Status status =
      db->Run([](Transaction& tx) { return tx.Execute("SELECT pg_sleep(60)").status(); },
              start + absl::Milliseconds(100));
  REQUIRE(absl::IsDeadlineExceeded(status));
  REQUIRE(ErrorReason(status) == "SQL_STATEMENT_TIMEOUT");
  REQUIRE(absl::Now() - start < kPatience);
  // The limit was that transaction's only.
  REQUIRE(RunOne(*db, "SELECT pg_sleep(0.2)").ok());
}

TEST_CASE("PostgreSQL: of two that wait for each other one is run again") {
  TestDatabase db(kPostgres);
  REQUIRE(RunOne(*db, "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)").ok());
  REQUIRE(RunOne(*db, "INSERT INTO t (id, n) VALUES (0, 0), (1, 0)").ok());
  Gate has_first[2];
  Crowd crowd(2, [&](int i) {
    return db->Run([&](Transaction& tx) -> absl::Status {
      constexpr absl::string_view kAdd = "UPDATE t SET n = n + 1 WHERE id = :id";
      RETURN_IF_ERROR(tx.Execute(kAdd, {{"id", i}}).status());
      has_first[i].Open();
      has_first[1 - i].Wait();
      return tx.Execute(kAdd, {{"id", 1 - i}}).status();
    });
  });
  for (const absl::Status& status : crowd.Join()) {
    INFO(status);
    REQUIRE(status.ok());
  }
  REQUIRE(ReadInt(*db, "SELECT SUM(n) FROM t") == 4);
  REQUIRE(db.Metric("sql_transactions_total{mode=\"run\",outcome=\"conflict\"}") >= 1);
}

TEST_CASE("PostgreSQL: a type we do not use is refused, not misread") {
  TestDatabase db(kPostgres);
  REQUIRE(ErrorReason(ReadOne(*db, "SELECT CAST('2025-07-01' AS DATE)").status()) ==
          "SQL_STATEMENT_WRONG");
  REQUIRE(
      ReadOne(*db, "SELECT CAST(1.25 AS NUMERIC), CAST(-0.001 AS NUMERIC)")->rows[0].Double(0) ==
      1.25);
  REQUIRE(ReadOne(*db, "SELECT CAST(-12345.0625 AS NUMERIC)")->rows[0].Double(0) == -12345.0625);
  REQUIRE(ReadOne(*db, "SELECT CAST(100000000 AS NUMERIC)")->rows[0].Int(0) == 100'000'000);
  REQUIRE(ReadOne(*db, "SELECT CAST(0 AS NUMERIC)")->rows[0].Int(0) == 0);
  REQUIRE(ReadOne(*db, "SELECT CAST(9223372036854775808 AS NUMERIC)")->rows[0].Double(0) ==
          9223372036854775808.0);
  REQUIRE(ReadOne(*db, "SELECT CAST(-9223372036854775808 AS NUMERIC)")->rows[0].Int(0) ==
          std::numeric_limits<int64_t>::min());
}

}  // namespace
}  // namespace lgsp::sql
