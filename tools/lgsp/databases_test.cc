#include "tools/lgsp/databases.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/sql/postgres_server.h"
#include "libs/sql/sql.h"
#include "libs/status/status.h"
#include "libs/testing/postgres.h"
#include "tools/lgsp/service_config.h"
#include "tools/lgsp/temporary_folder_test.h"

namespace lgsp::cli {
namespace {

// A server without databases.
class Server {
 public:
  Server() {
    auto started = testing::PostgresCluster::Start();
    INFO(started.status());
    REQUIRE(started.ok());
    cluster_ = *std::move(started);
    const auto made = cluster_->CreateDatabase();
    REQUIRE(made.ok());
    url_ = absl::StrCat("postgresql://postgres@/", made->substr(made->find('?')));
  }
  const std::string& url() const { return url_; }

  absl::Status Run(absl::string_view service, absl::string_view statement) const {
    return On(DatabaseName(service), statement);
  }
  absl::Status On(const std::string& name, absl::string_view statement) const {
    const auto database = sql::Database::Open({.url = *sql::UrlOfDatabase(url_, name)});
    RETURN_IF_ERROR(database.status());
    return (*database)->Run([&](sql::Transaction& tx) { return tx.Execute(statement).status(); });
  }

 private:
  std::unique_ptr<testing::PostgresCluster> cluster_;
  std::string url_;
};

std::string Reason(const absl::Status& status) {
  INFO(status);
  CHECK((status.ok() || absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status)));
  return std::string(ErrorReason(status));
}

TEST_CASE("a folder's databases are made on the server it first names, and stay there") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  const Server server;
  CHECK(*DatabaseUrl(folder, "dossiers") ==
        absl::StrCat("sqlite:", folder.root(), "/config/../data/dossiers.db"));
  REQUIRE(PrepareDatabases(folder, "").ok());
  CHECK_FALSE(std::filesystem::exists(folder.PostgresFile()));

  const absl::Status prepared = PrepareDatabases(folder, server.url());
  INFO(prepared);
  REQUIRE(prepared.ok());
  CHECK(*DatabaseUrl(folder, "dossiers") == *sql::UrlOfDatabase(server.url(), "lgsp_dossiers"));
  CHECK(ErrorReason(DatabaseUrl(folder, "gateway").status()) == "FILE_MISSING");
  for (const char* service : {"dossiers", "insights"}) {
    CHECK(server.Run(service, "CREATE TABLE kept (id BIGINT)").ok());
  }
  CHECK_FALSE(*sql::HasDatabase(server.url(), "lgsp_gateway"));
  // Later runs: the same server, or none at all.
  CHECK(PrepareDatabases(folder, server.url()).ok());
  const absl::Status unnamed = PrepareDatabases(folder, "");
  CHECK(Reason(unnamed) == "POSTGRES_NOT_NAMED");
  CHECK(absl::StrContains(unnamed.message(), absl::StrCat("--postgres '", server.url(), "'")));
  const Server other;
  const absl::Status differs = PrepareDatabases(folder, other.url());
  CHECK(Reason(differs) == "POSTGRES_DIFFERS");
  CHECK(absl::StrContains(differs.message(), folder.PostgresFile()));
  CHECK_FALSE(*sql::HasDatabase(other.url(), "lgsp_dossiers"));
  // Nothing that was lost is begun anew.
  REQUIRE(server.On("postgres", "ALTER DATABASE lgsp_insights RENAME TO gone").ok());
  const absl::Status lost = PrepareDatabases(folder, server.url());
  CHECK(Reason(lost) == "POSTGRES_DATABASE_LOST");
  CHECK(absl::StrContains(lost.message(), "lgsp_insights"));
  CHECK_FALSE(*sql::HasDatabase(server.url(), "lgsp_insights"));
}

TEST_CASE("data of another folder, or in SQLite files, are not mixed with those of a server") {
  const TemporaryFolder one, two;
  const DataFolder folder = MakeTestFolder(one);
  const Server server;
  std::ofstream(folder.Path("data/insights.db")) << "SQLite";
  const absl::Status in_use = PrepareDatabases(folder, server.url());
  CHECK(Reason(in_use) == "SQLITE_IN_USE");
  CHECK(absl::StrContains(in_use.message(), "insights.db"));
  std::filesystem::remove(folder.Path("data/insights.db"));
  CHECK_FALSE(*sql::HasDatabase(server.url(), "lgsp_dossiers"));

  // Made by an administrator, and empty: taken.
  REQUIRE(sql::MakeDatabase(server.url(), "lgsp_dossiers").ok());
  REQUIRE(PrepareDatabases(folder, server.url()).ok());
  REQUIRE(server.Run("dossiers", "CREATE TABLE kept (id BIGINT)").ok());
  const DataFolder another = MakeTestFolder(two);
  CHECK(Reason(PrepareDatabases(another, server.url())) == "POSTGRES_DATABASE_TAKEN");
  CHECK_FALSE(std::filesystem::exists(another.PostgresFile()));
  CHECK(PrepareDatabases(another, "").ok());
}

TEST_CASE("a password in the URL is refused before anything is written") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  const absl::Status refused = PrepareDatabases(folder, "postgresql://u:geheim@127.0.0.1:1/");
  CHECK(Reason(refused) == "SQL_PASSWORD_IN_URL");
  CHECK_FALSE(absl::StrContains(refused.message(), "geheim"));
  CHECK_FALSE(std::filesystem::exists(folder.PostgresFile()));
}

TEST_CASE("a configuration with another database is the same but for that") {
  const TemporaryFolder parent;
  const DataFolder folder = MakeTestFolder(parent);
  for (const char* service : {"dossiers", "insights", "evidence"}) {
    const std::string text = *config::ReadFile(folder.Config(service));
    const std::string before = absl::StrCat("sqlite:../data/", service, ".db");
    REQUIRE(DatabaseUrlIn(text) == before);
    const auto changed = WithDatabase(text, "postgresql://u@h/x?passfile=/a b");
    REQUIRE(changed.ok());
    CHECK(DatabaseUrlIn(*changed) == "postgresql://u@h/x?passfile=/a b");
    CHECK(ErrorReason(WithDatabase(*changed, before).status()) == "DATABASE_CONFIGURED");
    std::string back = *changed;
    const size_t at = back.find("database_url");
    const size_t end = back.find('\n', at);
    back.replace(at, end - at, absl::StrCat("database_url: \"", before, "\""));
    CHECK(back == text);
  }
  CHECK(DatabaseUrlIn(*config::ReadFile(folder.Config("gateway"))).empty());
  CHECK(*WithDatabase("listen: \"a\"\n", "postgresql://x") == "listen: \"a\"\n");
}

}  // namespace
}  // namespace lgsp::cli
