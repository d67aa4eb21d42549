// Values and statements: the same on both engines.
#include <catch2/catch.hpp>
#include <limits>

#include "absl/strings/str_cat.h"
#include "libs/sql/connection.h"
#include "libs/sql/fixture_test.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr Migration kPeople = {
    1,
    "CREATE TABLE people (id TEXT NOT NULL PRIMARY KEY, age BIGINT CHECK (age >= 0), "
    "photo BYTES, score DOUBLE PRECISION, known SMALLINT NOT NULL DEFAULT 0);\n"
    "CREATE TABLE letters (number BIGINT NOT NULL PRIMARY KEY, "
    "to_id TEXT NOT NULL REFERENCES people (id));",
    ""};

struct People {
  People() : db(GENERATE(from_range(kBothEngines))) { REQUIRE(db->Migrate({kPeople}).ok()); }
  TestDatabase db;
};

TEST_CASE_METHOD(People, "values come back as they were given") {
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const std::string vietnamese = "Trần Thị Ngọc Ánh, ấp Đất Mũi \xF0\x9F\x8F\x9B ' \" \\ :id $1 ?";
  const auto row =
      RunOne(*db, "SELECT CAST(:text AS TEXT), CAST(:empty AS TEXT), :least, :most, :real, :tiny",
             {{"text", vietnamese},
              {"empty", ""},
              {"least", kLeast},
              {"most", kMost},
              {"real", -1.5e300},
              {"tiny", 5e-324}});
  INFO(row.status());
  REQUIRE(row.ok());
  REQUIRE(row->rows[0].Text(0) == vietnamese);
  REQUIRE(row->rows[0].Text(1).empty());
  REQUIRE(row->rows[0].Int(2) == kLeast);
  REQUIRE(row->rows[0].Int(3) == kMost);
  REQUIRE(row->rows[0].Double(4) == -1.5e300);
  REQUIRE(row->rows[0].Double(5) == 5e-324);

  constexpr absl::string_view kInsert =
      "INSERT INTO people (id, age, photo, score, known) VALUES (:id, :age, :photo, :score, "
      ":known) "
      "RETURNING id, age, photo, score, known";
  const auto full = RunOne(
      *db, kInsert,
      {{"id", "full"}, {"age", kMost}, {"photo", Bytes{all_bytes}}, {"score", 2.0}, {"known", 1}});
  INFO(full.status());
  REQUIRE(full.ok());
  REQUIRE(full->changed == 1);
  REQUIRE(full->rows[0].Blob(2) == all_bytes);
  REQUIRE(full->rows[0].Double(3) == 2.0);
  REQUIRE(full->rows[0].Int(4) == 1);
  const Value null;
  const auto empty = RunOne(
      *db, kInsert, {{"id", ""}, {"age", null}, {"photo", Bytes{}}, {"score", null}, {"known", 0}});
  REQUIRE(empty.ok());
  REQUIRE(empty->rows[0].Text(0).empty());
  REQUIRE(empty->rows[0].IsNull(1));
  REQUIRE_FALSE(empty->rows[0].IsNull(2));
  REQUIRE(empty->rows[0].Blob(2).empty());
  REQUIRE(empty->rows[0].IsNull(3));
  const auto nulls = RunOne(
      *db, kInsert, {{"id", "null"}, {"age", 1}, {"photo", null}, {"score", 0.0}, {"known", 0}});
  REQUIRE(nulls.ok());
  REQUIRE(nulls->rows[0].IsNull(2));
}

TEST_CASE_METHOD(People, "numbers that are computed are whole or not, as on the other engine") {
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(RunOne(*db, "INSERT INTO people (id, age, score) VALUES (:id, :age, :score)",
                   {{"id", absl::StrCat("p", i)},
                    {"age", i * int64_t{1'000'000'000'000'000'003}},
                    {"score", 0.5}})
                .ok());
  }
  const auto row = ReadOne(*db,
                           "SELECT COUNT(*), SUM(age), AVG(age), SUM(score), MAX(age), "
                           "EXISTS (SELECT 1 FROM letters), SUM(-age), SUM(known) FROM people");
  INFO(row.status());
  REQUIRE(row.ok());
  const Row& r = row->rows[0];
  REQUIRE(r.Int(0) == 3);
  REQUIRE(r.Int(1) == 6'000'000'000'000'000'018);
  REQUIRE(r.Double(2) == Approx(2e18));
  REQUIRE(r.Double(3) == 1.5);
  REQUIRE(r.Int(4) == 3'000'000'000'000'000'009);
  REQUIRE(r.Int(5) == 0);
  REQUIRE(r.Int(6) == -6'000'000'000'000'000'018);
  REQUIRE(r.Int(7) == 0);
}

TEST_CASE_METHOD(People, "time is microseconds") {
  const absl::Time time = absl::FromUnixMicros(1'790'000'000'123'456);
  const auto row =
      RunOne(*db, "INSERT INTO people (id, age) VALUES ('t', :t) RETURNING age", {{"t", time}});
  REQUIRE(row.ok());
  REQUIRE(row->rows[0].Time(0) == time);
  REQUIRE(row->rows[0].Int(0) == Micros(time));
}

TEST_CASE_METHOD(People, "text that is no text is refused and nothing is kept") {
  for (const std::string& bad :
       {std::string("a\0b", 3), std::string("\xC3\x28"), std::string("\xED\xA0\x80")}) {
    const absl::Status status = db->Run([&](Transaction& tx) -> absl::Status {
      RETURN_IF_ERROR(tx.Execute("INSERT INTO people (id) VALUES ('before')").status());
      return tx.Execute("INSERT INTO people (id) VALUES (:id)", {{"id", bad}}).status();
    });
    REQUIRE(absl::IsInvalidArgument(status));
    REQUIRE(ErrorReason(status) == "SQL_TEXT_INVALID");
  }
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM people") == 0);
}

TEST_CASE_METHOD(People, "changed counts what a statement touched") {
  const auto changed = [&](absl::string_view sql) {
    const auto result = RunOne(*db, sql);
    INFO(result.status());
    REQUIRE(result.ok());
    return result->changed;
  };
  REQUIRE(changed("INSERT INTO people (id, age) VALUES ('a', 1), ('b', 2), ('c', 3)") == 3);
  REQUIRE(changed("SELECT id FROM people") == 0);
  REQUIRE(changed("UPDATE people SET age = age + 1 WHERE age > 1") == 2);
  REQUIRE(changed("UPDATE people SET age = 9 WHERE age > 99") == 0);
  REQUIRE(changed("CREATE TABLE other (id BIGINT)") == 0);
  REQUIRE(changed("INSERT INTO people (id) VALUES ('a') ON CONFLICT (id) DO NOTHING") == 0);
  REQUIRE(
      changed("INSERT INTO people (id, age) VALUES ('a', 7) ON CONFLICT (id) DO UPDATE SET age = "
              "people.age + excluded.age") == 1);
  REQUIRE(ReadInt(*db, "SELECT age FROM people WHERE id = 'a'") == 8);
  REQUIRE(changed("DELETE FROM people") == 3);
}

TEST_CASE_METHOD(People, "rows can be claimed by an update that answers them") {
  REQUIRE(RunOne(*db, "INSERT INTO people (id, age) VALUES ('a', 1), ('b', 2), ('c', 3)").ok());
  const auto claim = [&] {
    return RunOne(
        *db,
        "UPDATE people SET known = 1 WHERE id IN (SELECT id FROM people WHERE known = :free "
        "ORDER BY age LIMIT :limit) AND known = :free RETURNING id, age",
        {{"free", 0}, {"limit", 2}});
  };
  REQUIRE(claim()->rows.size() == 2);
  const auto last = claim();
  REQUIRE(last->rows.size() == 1);
  REQUIRE(last->rows[0].Text(0) == "c");
  REQUIRE(claim()->rows.empty());
}

TEST_CASE_METHOD(People, "errors have the codes the header promises") {
  REQUIRE(RunOne(*db, "INSERT INTO people (id) VALUES ('a')").ok());
  struct Case {
    absl::string_view sql;
    absl::StatusCode code;
    absl::string_view reason;
  };
  constexpr auto kWrong = absl::StatusCode::kInternal;
  constexpr auto kBroken = absl::StatusCode::kFailedPrecondition;
  for (const Case& c : {
           Case{"INSERT INTO people (id) VALUES ('a')", absl::StatusCode::kAlreadyExists,
                "SQL_UNIQUE_VIOLATION"},
           Case{"INSERT INTO people (id) VALUES (NULL)", kBroken, "SQL_CONSTRAINT_VIOLATION"},
           Case{"INSERT INTO people (id, age) VALUES ('b', -1)", kBroken,
                "SQL_CONSTRAINT_VIOLATION"},
           Case{"INSERT INTO letters (number, to_id) VALUES (1, 'x')", kBroken,
                "SQL_CONSTRAINT_VIOLATION"},
           Case{"INSERT INTO nowhere (id) VALUES ('a')", kWrong, "SQL_STATEMENT_WRONG"},
           Case{"SELEKT 1", kWrong, "SQL_STATEMENT_WRONG"},
           Case{"SELECT :missing", kWrong, "SQL_STATEMENT_WRONG"},
           Case{"SELECT 1; SELECT 2", kWrong, "SQL_STATEMENT_WRONG"},
           Case{"", kWrong, "SQL_STATEMENT_WRONG"},
       }) {
    const absl::Status status = RunOne(*db, c.sql).status();
    INFO(c.sql << " gave " << status);
    REQUIRE(status.code() == c.code);
    REQUIRE(ErrorReason(status) == c.reason);
  }
  REQUIRE(ErrorReason(RunOne(*db, "SELECT 1", {{"unused", 1}}).status()) == "SQL_STATEMENT_WRONG");
  REQUIRE(ErrorReason(RunOne(*db, "SELECT :a", {{"a", 1}, {"a", 2}}).status()) ==
          "SQL_STATEMENT_WRONG");
  REQUIRE(ErrorReason(ReadOne(*db, "DELETE FROM people").status()) == "SQL_STATEMENT_WRONG");
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM people") == 1);
}

TEST_CASE_METHOD(People, "messages of errors hold no values") {
  constexpr absl::string_view kSecret = "079201009999";
  const auto insert = [&] {
    return RunOne(*db, "INSERT INTO people (id) VALUES (:id)", {{"id", kSecret}}).status();
  };
  REQUIRE(insert().ok());
  for (const absl::Status& status :
       {insert(),
        RunOne(*db, "INSERT INTO letters (number, to_id) VALUES (1, :id)", {{"id", "079201"}})
            .status()}) {
    REQUIRE_FALSE(status.ok());
    REQUIRE_THAT(status.ToString(), !Catch::Contains("079201"));
  }
}

TEST_CASE_METHOD(People, "a body that passes over an error keeps nothing") {
  std::vector<absl::Status> seen;
  const absl::Status status = db->Run([&](Transaction& tx) {
    seen.clear();
    seen.push_back(tx.Execute("INSERT INTO people (id) VALUES ('a')").status());
    seen.push_back(tx.Execute("INSERT INTO people (id) VALUES ('a')").status());
    seen.push_back(tx.Execute("INSERT INTO people (id) VALUES ('b')").status());
    return absl::OkStatus();
  });
  REQUIRE(seen[0].ok());
  REQUIRE(absl::IsAlreadyExists(seen[1]));
  REQUIRE(absl::IsAlreadyExists(seen[2]));
  REQUIRE(absl::IsAlreadyExists(status));
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM people") == 0);
  REQUIRE(RunOne(*db, "INSERT INTO people (id) VALUES ('a')").ok());
}

TEST_CASE_METHOD(People, "one text takes values of changing types, and many texts are fine") {
  const Value null;
  for (int i = 0; i < 6; ++i) {
    const Value age = i % 2 == 0 ? Value(int64_t{i}) : null;
    REQUIRE(RunOne(*db, "INSERT INTO people (id, age) VALUES (:id, :age)",
                   {{"id", absl::StrCat("p", i)}, {"age", age}})
                .ok());
  }
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM people WHERE age IS NULL") == 3);
  const absl::Status status = db->Run([&](Transaction& tx) -> absl::Status {
    for (size_t i = 0; i < kMaxStatements + 10; ++i) {
      ASSIGN_OR_RETURN(const Result row,
                       tx.Execute(absl::StrCat("SELECT ", i, ", :x"), {{"x", 7}}));
      if (row.rows[0].Int(0) != static_cast<int64_t>(i) || row.rows[0].Int(1) != 7)
        return Nothing(tx);
    }
    return tx.Execute("INSERT INTO people (id) VALUES ('reached')").status();
  });
  INFO(status);
  REQUIRE(status.ok());
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM people WHERE id = 'reached'") == 1);
}

TEST_CASE_METHOD(People, "an answer has a limit") {
  constexpr absl::string_view kCount =
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :last) SELECT i "
      "FROM n";
  const auto most = ReadOne(*db, kCount, {{"last", kMaxRows}});
  INFO(most.status());
  REQUIRE(most.ok());
  REQUIRE(most->rows.size() == kMaxRows);
  REQUIRE(most->rows.back().Int(0) == kMaxRows);
  // A billion: it must stop where it is refused.
  for (const int64_t last : {kMaxRows + 1, int64_t{1'000'000'000}}) {
    const absl::Status status = ReadOne(*db, kCount, {{"last", last}}).status();
    REQUIRE(absl::IsResourceExhausted(status));
    REQUIRE(ErrorReason(status) == "SQL_TOO_MANY_ROWS");
  }
  REQUIRE(ReadInt(*db, "SELECT 5") == 5);
}

}  // namespace
}  // namespace lgsp::sql
