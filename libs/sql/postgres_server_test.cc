#include "libs/sql/postgres_server.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/sql/sql.h"
#include "libs/status/status.h"
#include "libs/testing/postgres.h"

namespace lgsp::sql {
namespace {

// The server of this process's cluster, and `user` of it.
std::string Server(absl::string_view user = "postgres") {
  const auto made = testing::PostgresCluster::Shared().CreateDatabase();
  REQUIRE(made.ok());
  const size_t options = made->find('?');
  return absl::StrCat("postgresql://", user, "@/", made->substr(options));
}

TEST_CASE("the URL of a database is the server's with its name") {
  CHECK(*UrlOfDatabase("postgresql://u@h:5433/", "lgsp_x") == "postgresql://u@h:5433/lgsp_x");
  CHECK(*UrlOfDatabase("postgresql://u@h:5433", "lgsp_x") == "postgresql://u@h:5433/lgsp_x");
  CHECK(*UrlOfDatabase("postgresql:///?host=/run/x&passfile=/p", "a") ==
        "postgresql:///a?host=/run/x&passfile=/p");
}

TEST_CASE("a URL with a password, of a database, or of nothing is refused, and never quoted") {
  const auto reason = [](absl::string_view url) {
    const absl::Status status = UrlOfDatabase(url, "x").status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK_FALSE(absl::StrContains(status.message(), "geheim"));
    return std::string(ErrorReason(status));
  };
  CHECK(reason("postgresql://u:geheim@h/") == "SQL_PASSWORD_IN_URL");
  CHECK(reason("postgresql://u@h/?password=geheim") == "SQL_PASSWORD_IN_URL");
  for (const char* url : {"", "sqlite:geheim", "host=geheim", "postgresql://u@h/geheim",
                          "postgresql://u@h/?dbname=geheim", "postgresql://u@h/?geheim=1",
                          "postgresql://u@h/?passfile=geheim"}) {
    INFO(url);
    CHECK(reason(url) == "SQL_URL_INVALID");
  }
  for (const char* name : {"", "A", "a b", "a\"b", "a/b"}) {
    INFO(name);
    CHECK(ErrorReason(UrlOfDatabase("postgresql://u@h/", name).status()) == "SQL_URL_INVALID");
  }
}

TEST_CASE("a database is made once, as services want it") {
  const std::string server = Server();
  CHECK_FALSE(*HasDatabase(server, "made_once"));
  const absl::Status made = MakeDatabase(server, "made_once");
  INFO(made);
  REQUIRE(made.ok());
  CHECK(*HasDatabase(server, "made_once"));
  const auto database = Database::Open({.url = *UrlOfDatabase(server, "made_once")});
  INFO(database.status());
  REQUIRE(database.ok());
  CHECK((*database)
            ->Run([](Transaction& tx) {
              return tx.Execute("CREATE TABLE kept (id BIGINT)").status();
            })
            .ok());
  REQUIRE(MakeDatabase(server, "made_once").ok());
  CHECK((*database)
            ->Read([](Transaction& tx) { return tx.Execute("SELECT id FROM kept").status(); })
            .ok());
}

TEST_CASE("who may not make databases is told so, and goes on with one that is there") {
  const std::string server = Server();
  const auto database = Database::Open({.url = *UrlOfDatabase(server, "postgres")});
  REQUIRE(database.ok());
  REQUIRE((*database)
              ->Run([](Transaction& tx) { return tx.Execute("CREATE ROLE modest LOGIN").status(); })
              .ok());
  const std::string modest = Server("modest");
  const absl::Status refused = MakeDatabase(modest, "refused");
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(ErrorReason(refused) == "SQL_DATABASE_NOT_ALLOWED");
  CHECK(absl::StrContains(refused.message(), "CREATE DATABASE refused TEMPLATE template0"));
  CHECK_FALSE(*HasDatabase(modest, "refused"));
  REQUIRE(MakeDatabase(server, "given").ok());
  CHECK(MakeDatabase(modest, "given").ok());
}

TEST_CASE("a server that is not there is named") {
  const auto answer = HasDatabase("postgresql://somebody@/?host=/nowhere", "x");
  CHECK(absl::IsUnavailable(answer.status()));
  CHECK(ErrorReason(answer.status()) == "SQL_CONNECTION_LOST");
  CHECK(absl::StrContains(answer.status().message(), "/nowhere"));
  CHECK_FALSE(absl::StrContains(answer.status().message(), "\n"));
}

}  // namespace
}  // namespace lgsp::sql
