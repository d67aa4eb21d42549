#include "libs/sql/postgres_server.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/sql/postgres_connection.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr absl::string_view kScheme = "postgresql://";
// That every server has; nothing is written into it.
constexpr char kMaintenance[] = "postgres";
constexpr char kConnectTimeoutSeconds[] = "5";

struct Release {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ConnectionPtr = std::unique_ptr<PGconn, Release>;
using ResultPtr = std::unique_ptr<PGresult, Release>;

absl::Status UrlInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "SQL_URL_INVALID",
                   absl::StrCat("not postgresql://user@host:port/: ", what));
}

// No message quotes the URL: there may be a password in it.
absl::Status CheckServer(absl::string_view server) {
  if (!absl::StartsWith(server, kScheme)) return UrlInvalid("it begins otherwise");
  const std::unique_ptr<PQconninfoOption, Release> options(
      PQconninfoParse(std::string(server).c_str(), nullptr));
  if (options == nullptr) return UrlInvalid("libpq does not understand it");
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || *option->val == '\0') continue;
    const absl::string_view keyword = option->keyword;
    if (keyword == "password" || keyword == "sslpassword") {
      return MakeError(
          absl::StatusCode::kInvalidArgument, "SQL_PASSWORD_IN_URL",
          "the URL has a password: put it into a file, host:port:database:user:password "
          "with mode 0600, and name that by ?passfile=/path");
    }
    if (keyword == "dbname") return UrlInvalid("it names a database");
    if (keyword == "passfile" && option->val[0] != '/') return UrlInvalid("a relative passfile");
  }
  return absl::OkStatus();
}

absl::StatusOr<ConnectionPtr> Connect(absl::string_view server) {
  ASSIGN_OR_RETURN(const std::string url, UrlOfDatabase(server, kMaintenance));
  constexpr const char* kKeys[] = {"connect_timeout", "application_name", "dbname", nullptr};
  const char* values[] = {kConnectTimeoutSeconds, "lgsp", url.c_str(), nullptr};
  ConnectionPtr connection(PQconnectdbParams(kKeys, values, 1));
  if (PQstatus(connection.get()) == CONNECTION_OK) {
    PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
    return connection;
  }
  const absl::string_view words = PQerrorMessage(connection.get());
  return MakeError(absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST",
                   absl::StrCat("PostgreSQL is not reached: ", words.substr(0, words.find('\n'))));
}

absl::string_view StateOf(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state == nullptr ? "" : state;
}

absl::StatusOr<bool> Has(PGconn* connection, const std::string& name) {
  const char* values[] = {name.c_str()};
  const ResultPtr found(PQexecParams(connection, "SELECT 1 FROM pg_database WHERE datname = $1", 1,
                                     nullptr, values, nullptr, nullptr, 0));
  if (PQresultStatus(found.get()) != PGRES_TUPLES_OK) {
    return FromSqlState(StateOf(found.get()), "databases are not listed");
  }
  return PQntuples(found.get()) > 0;
}

}  // namespace

absl::StatusOr<std::string> UrlOfDatabase(absl::string_view server, absl::string_view name) {
  RETURN_IF_ERROR(CheckServer(server));
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
  });
  if (name.empty() || !plain) return UrlInvalid("a database is named by a-z, 0-9 and _");
  const size_t options = std::min(server.find('?'), server.size());
  absl::string_view host = server.substr(kScheme.size(), options - kScheme.size());
  absl::ConsumeSuffix(&host, "/");
  return absl::StrCat(kScheme, host, "/", name, server.substr(options));
}

absl::StatusOr<bool> HasDatabase(absl::string_view server, absl::string_view name) {
  RETURN_IF_ERROR(UrlOfDatabase(server, name).status());
  ASSIGN_OR_RETURN(const ConnectionPtr connection, Connect(server));
  return Has(connection.get(), std::string(name));
}

absl::Status MakeDatabase(absl::string_view server, absl::string_view name) {
  RETURN_IF_ERROR(UrlOfDatabase(server, name).status());
  ASSIGN_OR_RETURN(const ConnectionPtr connection, Connect(server));
  // Not made blindly: a user without the right to make one may have been given it.
  ASSIGN_OR_RETURN(const bool there, Has(connection.get(), std::string(name)));
  if (there) return absl::OkStatus();
  const std::string command = absl::StrCat(
      "CREATE DATABASE ", name, " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
  const ResultPtr made(PQexec(connection.get(), command.c_str()));
  if (PQresultStatus(made.get()) == PGRES_COMMAND_OK) return absl::OkStatus();
  const absl::string_view state = StateOf(made.get());
  // Somebody else made it in between: seen by the name, or by the index of pg_database.
  if (state == "42P04" || state == "23505") return absl::OkStatus();
  if (state == "42501") {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SQL_DATABASE_NOT_ALLOWED",
                     absl::StrCat("the user may not make databases: let its administrator run ",
                                  command, " OWNER …"),
                     {{"database", name}});
  }
  return FromSqlState(state, absl::StrCat("the database ", name, " is not made"));
}

}  // namespace lgsp::sql
