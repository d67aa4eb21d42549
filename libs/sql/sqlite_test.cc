// What only SQLite does.
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/sql/fixture_test.h"
#include "libs/sql/sqlite_connection.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

TEST_CASE("SQLite: result codes") {
  struct Case {
    int code;
    absl::StatusCode status;
    absl::string_view reason;
  };
  for (const Case& c : {
           Case{SQLITE_CONSTRAINT_UNIQUE, absl::StatusCode::kAlreadyExists, "SQL_UNIQUE_VIOLATION"},
           Case{SQLITE_CONSTRAINT_PRIMARYKEY, absl::StatusCode::kAlreadyExists,
                "SQL_UNIQUE_VIOLATION"},
           Case{SQLITE_CONSTRAINT_CHECK, absl::StatusCode::kFailedPrecondition,
                "SQL_CONSTRAINT_VIOLATION"},
           Case{SQLITE_CONSTRAINT_NOTNULL, absl::StatusCode::kFailedPrecondition,
                "SQL_CONSTRAINT_VIOLATION"},
           Case{SQLITE_CONSTRAINT_FOREIGNKEY, absl::StatusCode::kFailedPrecondition,
                "SQL_CONSTRAINT_VIOLATION"},
           Case{SQLITE_BUSY, absl::StatusCode::kAborted, "SQL_CONFLICT"},
           Case{SQLITE_BUSY_SNAPSHOT, absl::StatusCode::kAborted, "SQL_CONFLICT"},
           Case{SQLITE_LOCKED, absl::StatusCode::kAborted, "SQL_CONFLICT"},
           Case{SQLITE_INTERRUPT, absl::StatusCode::kDeadlineExceeded, "SQL_STATEMENT_TIMEOUT"},
           Case{SQLITE_FULL, absl::StatusCode::kResourceExhausted, "SQL_DISK_FULL"},
           Case{SQLITE_IOERR_FSYNC, absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{SQLITE_CANTOPEN, absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
           Case{SQLITE_CORRUPT, absl::StatusCode::kDataLoss, "SQL_DATA_CORRUPT"},
           Case{SQLITE_NOTADB, absl::StatusCode::kDataLoss, "SQL_DATA_CORRUPT"},
           Case{SQLITE_ERROR, absl::StatusCode::kInternal, "SQL_STATEMENT_WRONG"},
           Case{SQLITE_READONLY, absl::StatusCode::kInternal, "SQL_STATEMENT_WRONG"},
       }) {
    const absl::Status status = FromSqliteCode(c.code, "why");
    INFO(c.code);
    REQUIRE(status.code() == c.status);
    REQUIRE(ErrorReason(status) == c.reason);
  }
}

TEST_CASE(
    "SQLite: what was answered with OK is there after opening again, by WAL and synchronous FULL") {
  TestDatabase db(Database::Engine::kSqlite);
  REQUIRE(RunOne(*db, "CREATE TABLE t (id BIGINT)").ok());
  REQUIRE(RunOne(*db, "INSERT INTO t (id) VALUES (7)").ok());
  REQUIRE(RunOne(*db, "PRAGMA journal_mode")->rows[0].Text(0) == "wal");
  constexpr int kFull = 2;
  REQUIRE(RunOne(*db, "PRAGMA synchronous")->rows[0].Int(0) == kFull);
  db.Close();
  REQUIRE(ReadInt(*db.OpenAnother(), "SELECT id FROM t") == 7);
}

TEST_CASE("SQLite: another process that writes is waited for, but not for ever") {
  TestDatabase db(Database::Engine::kSqlite);
  REQUIRE(RunOne(*db, "CREATE TABLE t (id BIGINT)").ok());
  const auto other = db.OpenAnother();
  {
    Occupant occupant(*other, false);
    const absl::Status status = RunOne(*db, "INSERT INTO t (id) VALUES (1)").status();
    REQUIRE(absl::IsAborted(status));
    REQUIRE(ErrorReason(status) == "SQL_CONFLICT");
    // Readers are not in its way.
    REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM t") == 0);
    Crowd waiting(1, [&](int) { return RunOne(*db, "INSERT INTO t (id) VALUES (2)").status(); });
    REQUIRE(occupant.Leave().ok());
    INFO(waiting.Join()[0]);
    REQUIRE(waiting.Join()[0].ok());
  }
  REQUIRE(ReadInt(*other, "SELECT id FROM t") == 2);
}

TEST_CASE("SQLite: a failure is answered after the commit that it saw a part of") {
  TestDatabase db(Database::Engine::kSqlite);
  REQUIRE(RunOne(*db, "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY)").ok());
  Occupant occupant(*db, false);
  // The first inserts, the second meets it, the third ends the transaction of all.
  Crowd crowd(3, [&](int i) {
    if (!Eventually([&] { return db.Metric("sql_waiting") == i; }))
      return absl::InternalError("order");
    return db->Run([&](Transaction& tx) -> absl::Status {
      if (i < 2) return tx.Execute("INSERT INTO t (id) VALUES (1)").status();
      return tx.Execute("INSERT OR ROLLBACK INTO t (id) VALUES (1)").status();
    });
  });
  REQUIRE(Eventually([&] { return db.Metric("sql_waiting") == 3; }));
  REQUIRE(ErrorReason(occupant.Leave()) == "SQL_CONFLICT");
  REQUIRE(ErrorReason(crowd.Join()[0]) == "SQL_CONFLICT");
  REQUIRE(ErrorReason(crowd.Join()[1]) == "SQL_CONFLICT");
  REQUIRE(ErrorReason(crowd.Join()[2]) == "SQL_UNIQUE_VIOLATION");
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM t") == 0);
}

TEST_CASE("SQLite: a query ends at its deadline, and its connection goes on") {
  Options options;
  options.pool_size = 1;
  TestDatabase db(Database::Engine::kSqlite, options);
  const auto endless = [](Transaction& tx) {
    return tx
        .Execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT COUNT(*) FROM n")
        .status();
  };
  const absl::Status status = db->Read(endless, absl::Now() + absl::Milliseconds(50));
  INFO(status);
  REQUIRE(absl::IsDeadlineExceeded(status));
  REQUIRE(ErrorReason(status) == "SQL_STATEMENT_TIMEOUT");
  REQUIRE(ReadInt(*db, "SELECT 7") == 7);
}

TEST_CASE("SQLite: a full disk is told, and the database goes on when there is room") {
  TestDatabase db(Database::Engine::kSqlite);
  REQUIRE(RunOne(*db, "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, data BLOB)").ok());
  REQUIRE(RunOne(*db, "PRAGMA max_page_count = 20").ok());
  const auto insert = [&](int id, size_t size) {
    return RunOne(*db, "INSERT INTO t (id, data) VALUES (:id, :data)",
                  {{"id", id}, {"data", Bytes{std::string(size, 'x')}}})
        .status();
  };
  REQUIRE(insert(1, 10).ok());
  const absl::Status full = insert(2, 1'000'000);
  INFO(full);
  REQUIRE(absl::IsResourceExhausted(full));
  REQUIRE(ErrorReason(full) == "SQL_DISK_FULL");
  REQUIRE(insert(3, 10).ok());
  REQUIRE(RunOne(*db, "PRAGMA max_page_count = 1000").ok());
  REQUIRE(insert(4, 1'000'000).ok());
  REQUIRE(ReadInt(*db, "SELECT SUM(id) FROM t") == 8);
}

TEST_CASE("SQLite: who shared a commit that the engine gave up is told to try again") {
  TestDatabase db(Database::Engine::kSqlite);
  REQUIRE(RunOne(*db, "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY)").ok());
  Occupant occupant(*db, false);
  // ON CONFLICT ROLLBACK ends the whole transaction, as a full disk or a failed write may.
  Crowd crowd(3, [&](int i) {
    // One after the other, so that the middle one breaks.
    if (!Eventually([&] { return db.Metric("sql_waiting") == i; }))
      return absl::InternalError("order");
    return db->Run([&](Transaction& tx) -> absl::Status {
      RETURN_IF_ERROR(tx.Execute("INSERT INTO t (id) VALUES (:id)", {{"id", i}}).status());
      if (i != 1) return absl::OkStatus();
      return tx.Execute("INSERT OR ROLLBACK INTO t (id) VALUES (:id)", {{"id", i}}).status();
    });
  });
  REQUIRE(Eventually([&] { return db.Metric("sql_waiting") == 3; }));
  // The occupant wrote nothing, but it is of the same commit.
  REQUIRE(ErrorReason(occupant.Leave()) == "SQL_CONFLICT");
  REQUIRE(ErrorReason(crowd.Join()[0]) == "SQL_CONFLICT");
  REQUIRE(ErrorReason(crowd.Join()[1]) == "SQL_UNIQUE_VIOLATION");
  REQUIRE(crowd.Join()[2].ok());
  REQUIRE(ReadInt(*db, "SELECT SUM(id) FROM t") == 2);
}

TEST_CASE("SQLite: files that cannot be opened") {
  Options options;
  options.url = "sqlite:/nonexistent/folder/x.db";
  const auto missing = Database::Open(options);
  REQUIRE(absl::IsUnavailable(missing.status()));
  REQUIRE(ErrorReason(missing.status()) == "SQL_CONNECTION_LOST");

  TestDatabase db(Database::Engine::kSqlite);
  options.url = absl::StrCat(db.url(), ".other");
  std::ofstream(std::string(absl::StripPrefix(options.url, "sqlite:"))) << std::string(4096, 'x');
  const auto broken = Database::Open(options);
  REQUIRE(absl::IsDataLoss(broken.status()));
  REQUIRE(ErrorReason(broken.status()) == "SQL_DATA_CORRUPT");
  for (const char* url : {"", "sqlite:", "mysql://x", "/tmp/x.db"}) {
    options.url = url;
    REQUIRE(ErrorReason(Database::Open(options).status()) == "SQL_URL_INVALID");
  }
}

TEST_CASE("SQLite: a relative path is beneath the folder of the configuration") {
  CHECK(ResolveUrl("/data/config", "sqlite:../x.db") == "sqlite:/data/config/../x.db");
  CHECK(ResolveUrl("/data/config", "sqlite:/var/x.db") == "sqlite:/var/x.db");
  CHECK(ResolveUrl("/data/config", "postgresql://db/x") == "postgresql://db/x");
}

}  // namespace
}  // namespace lgsp::sql
