#include "tools/lgsp/databases.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/text_format.h"
#include "libs/config/config.h"
#include "libs/sql/postgres_server.h"
#include "libs/sql/sql.h"
#include "libs/status/status.h"
#include "tools/lgsp/service_config.h"

namespace lgsp::cli {
namespace {

constexpr int kPrivate = 0600;

absl::Status Precondition(absl::string_view reason, const std::string& message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message);
}

// Where the service's own configuration has its database; empty: it has none.
absl::StatusOr<std::string> ConfiguredUrl(const DataFolder& folder, absl::string_view service) {
  const std::string path = folder.Config(service);
  if (!std::filesystem::exists(path)) return "";
  ASSIGN_OR_RETURN(const std::string text, config::ReadFile(path));
  const std::string url = DatabaseUrlIn(text);
  return url.empty() ? url : sql::ResolveUrl(config::FolderOf(path), url);
}

absl::StatusOr<std::vector<std::string>> ServicesWithDatabase(const DataFolder& folder) {
  std::vector<std::string> services;
  for (const Process& process : folder.platform().processes()) {
    ASSIGN_OR_RETURN(const std::string url, ConfiguredUrl(folder, process.name()));
    if (!url.empty()) services.push_back(process.name());
  }
  return services;
}

// Empty when the folder's data are not on a server.
absl::StatusOr<PostgresData> Remembered(const DataFolder& folder) {
  PostgresData data;
  if (std::filesystem::exists(folder.PostgresFile())) {
    RETURN_IF_ERROR(config::Load(folder.PostgresFile(), &data));
  }
  return data;
}

bool HasService(const PostgresData& data, absl::string_view service) {
  return std::find(data.services().begin(), data.services().end(), service) !=
         data.services().end();
}

absl::Status CheckNoSqlite(const DataFolder& folder, const std::vector<std::string>& services) {
  for (const std::string& service : services) {
    ASSIGN_OR_RETURN(const std::string url, ConfiguredUrl(folder, service));
    absl::string_view path = url;
    if (!absl::ConsumePrefix(&path, "sqlite:") || !std::filesystem::exists(std::string(path)))
      continue;
    return Precondition(
        "SQLITE_IN_USE",
        absl::StrCat(path,
                     " has data of this folder, which PostgreSQL would begin without: leave "
                     "--postgres away, or use a folder of its own (lgsp init)"));
  }
  return absl::OkStatus();
}

// Also that it can be opened: collation and rights.
absl::Status CheckEmpty(absl::string_view server, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string url, sql::UrlOfDatabase(server, name));
  sql::Options options;
  options.url = url;
  options.pool_size = 1;
  ASSIGN_OR_RETURN(const auto database, sql::Database::Open(options));
  return database->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const sql::Result found,
                     tx.Execute("SELECT COUNT(*) FROM pg_tables WHERE schemaname NOT IN "
                                "('pg_catalog', 'information_schema')"));
    if (found.rows.at(0).Int(0) == 0) return absl::OkStatus();
    return Precondition("POSTGRES_DATABASE_TAKEN",
                        absl::StrCat("the database ", name,
                                     " of this server has tables already, of another data "
                                     "folder: name another server, or drop it"));
  });
}

absl::Status PrepareOne(absl::string_view server, const std::string& service, bool known) {
  const std::string name = DatabaseName(service);
  ASSIGN_OR_RETURN(const bool there, sql::HasDatabase(server, name));
  if (known && there) return absl::OkStatus();
  if (known) {
    return Precondition("POSTGRES_DATABASE_LOST",
                        absl::StrCat("the database ", name,
                                     " of this folder is no longer on its "
                                     "server: restore it from a backup, or "
                                     "make it by hand where it may begin empty"));
  }
  RETURN_IF_ERROR(sql::MakeDatabase(server, name));
  return CheckEmpty(server, name);
}

absl::Status CheckSame(const DataFolder& folder, absl::string_view server,
                       const PostgresData& data) {
  if (server.empty()) {
    return Precondition("POSTGRES_NOT_NAMED",
                        absl::StrCat("the data of this folder are on a PostgreSQL server: lgsp up ",
                                     folder.root(), " --postgres '", data.server(), "'"));
  }
  if (server == data.server()) return absl::OkStatus();
  return Precondition(
      "POSTGRES_DIFFERS",
      absl::StrCat("the data of this folder are on ", data.server(), ", not on ", server,
                   ": when they have been moved there, write that into ", folder.PostgresFile()));
}

}  // namespace

std::string DatabaseName(absl::string_view service) { return absl::StrCat("lgsp_", service); }

absl::Status PrepareDatabases(const DataFolder& folder, absl::string_view server) {
  ASSIGN_OR_RETURN(PostgresData data, Remembered(folder));
  if (!server.empty()) RETURN_IF_ERROR(sql::UrlOfDatabase(server, DatabaseName("x")).status());
  if (!data.server().empty()) {
    RETURN_IF_ERROR(CheckSame(folder, server, data));
  } else if (server.empty()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> services, ServicesWithDatabase(folder));
  if (data.server().empty()) RETURN_IF_ERROR(CheckNoSqlite(folder, services));
  data.set_server(std::string(server));
  for (const std::string& service : services) {
    const bool known = HasService(data, service);
    RETURN_IF_ERROR(PrepareOne(server, service, known));
    if (!known) data.add_services(service);
  }
  // No service has begun: whoever dies before this line finds empty databases again.
  std::string text;
  google::protobuf::TextFormat::PrintToString(data, &text);
  return config::WriteFile(folder.PostgresFile(), text, kPrivate);
}

absl::StatusOr<std::string> DatabaseUrl(const DataFolder& folder, absl::string_view service) {
  ASSIGN_OR_RETURN(const PostgresData data, Remembered(folder));
  if (HasService(data, service)) return sql::UrlOfDatabase(data.server(), DatabaseName(service));
  ASSIGN_OR_RETURN(std::string url, ConfiguredUrl(folder, service));
  if (!url.empty()) return url;
  return MakeError(absl::StatusCode::kNotFound, "FILE_MISSING",
                   absl::StrCat(folder.Config(service), ": no database of ", service));
}

}  // namespace lgsp::cli
