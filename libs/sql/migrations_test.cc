#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/sql/fixture_test.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr Migration kFirst = {
    1,
    "-- Dossiers; first of all.\n"
    "CREATE TABLE dossiers (name TEXT NOT NULL PRIMARY KEY, full_name TEXT NOT NULL);\n"
    "CREATE INDEX dossiers_full_name ON dossiers (full_name);\n",
    ""};
constexpr Migration kSecond = {
    2,
    "ALTER TABLE dossiers ADD COLUMN seal BYTES;\n"
    "ALTER TABLE dossiers ADD COLUMN note TEXT NOT NULL DEFAULT 'a;\nBYTES'; -- kept\n"
    "UPDATE dossiers SET full_name = UPPER(full_name);",
    ""};
constexpr Migration kThird = {3, "INSERT INTO dossiers (name, full_name) VALUES ('portable', 'x');",
                              "INSERT INTO dossiers (name, full_name) VALUES ('postgres', 'x');"};

TEST_CASE("a schema moves on with the data in it") {
  const auto engine = GENERATE(from_range(kBothEngines));
  TestDatabase db(engine);
  REQUIRE(db->Migrate({}).ok());
  REQUIRE(db->Migrate({kFirst}).ok());
  REQUIRE(RunOne(*db, "INSERT INTO dossiers (name, full_name) VALUES ('d1', 'an')").ok());
  const absl::Status status = db->Migrate({kFirst, kSecond, kThird});
  INFO(status);
  REQUIRE(status.ok());
  const auto old = ReadOne(*db, "SELECT full_name, seal, note FROM dossiers WHERE name = 'd1'");
  INFO(old.status());
  REQUIRE(old.ok());
  REQUIRE(old->rows[0].Text(0) == "AN");
  REQUIRE(old->rows[0].IsNull(1));
  REQUIRE(old->rows[0].Text(2) == "a;\nBYTES");
  const std::string seal("\0\xFF", 2);
  REQUIRE(RunOne(*db, "UPDATE dossiers SET seal = :seal", {{"seal", Bytes{seal}}}).ok());
  const std::string chosen = engine == Database::Engine::kSqlite ? "portable" : "postgres";
  const auto third =
      ReadOne(*db, "SELECT seal FROM dossiers WHERE name = :name", {{"name", chosen}});
  REQUIRE(third.ok());
  REQUIRE(third->rows.size() == 1);
  REQUIRE(third->rows[0].Blob(0) == seal);
  // Nothing is done twice.
  REQUIRE(db->Migrate({kFirst, kSecond, kThird}).ok());
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM dossiers") == 2);
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM schema_migrations") == 3);
}

TEST_CASE("a schema that does not fit is refused") {
  TestDatabase db(GENERATE(from_range(kBothEngines)));
  REQUIRE(db->Migrate({kFirst, kSecond}).ok());
  const absl::Status newer = db->Migrate({kFirst});
  REQUIRE(absl::IsFailedPrecondition(newer));
  REQUIRE(ErrorReason(newer) == "SQL_SCHEMA_NEWER");
  // Comments and line ends may be mended.
  Migration mended = kFirst;
  mended.portable =
      "CREATE TABLE dossiers (name TEXT NOT NULL\n PRIMARY KEY, full_name TEXT NOT NULL);\n"
      "-- For the search by name.\n"
      "CREATE INDEX dossiers_full_name ON dossiers (full_name);";
  REQUIRE(db->Migrate({mended, kSecond}).ok());
  Migration changed = kFirst;
  changed.portable = "CREATE TABLE dossiers (name TEXT);";
  const absl::Status edited = db->Migrate({changed, kSecond, kThird});
  REQUIRE(absl::IsFailedPrecondition(edited));
  REQUIRE(ErrorReason(edited) == "SQL_MIGRATION_CHANGED");
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM dossiers") == 0);
  REQUIRE(ErrorReason(db->Migrate({kFirst, kThird})) == "SQL_STATEMENT_WRONG");
}

TEST_CASE("a migration that fails leaves nothing of itself") {
  TestDatabase db(GENERATE(from_range(kBothEngines)));
  const Migration broken = {2, "CREATE TABLE half (id BIGINT);\nCREATE TABLE half (id BIGINT);",
                            ""};
  REQUIRE(ErrorReason(db->Migrate({kFirst, broken})) == "SQL_STATEMENT_WRONG");
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM schema_migrations") == 1);
  REQUIRE_FALSE(ReadOne(*db, "SELECT COUNT(*) FROM half").ok());
  REQUIRE(db->Migrate({kFirst, kSecond}).ok());
}

TEST_CASE("several processes migrate at once") {
  TestDatabase db(GENERATE(from_range(kBothEngines)));
  std::vector<std::unique_ptr<Database>> processes(4);
  for (auto& process : processes) process = db.OpenAnother();
  Crowd crowd(4, [&](int i) { return processes[i]->Migrate({kFirst, kSecond, kThird}); });
  for (const absl::Status& status : crowd.Join()) {
    INFO(status);
    REQUIRE(status.ok());
  }
  REQUIRE(ReadInt(*db, "SELECT COUNT(*) FROM dossiers") == 1);
}

}  // namespace
}  // namespace lgsp::sql
