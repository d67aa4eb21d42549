// Where the services of a data folder keep their databases: in SQLite files beneath it, as the
// configuration says, or on a PostgreSQL server, one database for each service.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/lgsp/data_folder.h"

namespace lgsp::cli {

// Whatever a run of `up` begins with: makes the databases that are missing on `server` (libs/sql/
// postgres_server.h; empty: none) and remembers the choice in the folder. The services bring their
// schemas themselves. A run never begins with other data than the last one:
//   FAILED_PRECONDITION POSTGRES_NOT_NAMED      they are on a server, and none is named
//                       POSTGRES_DIFFERS        … on another one
//                       POSTGRES_DATABASE_LOST  … and this one no longer has them
//                       POSTGRES_DATABASE_TAKEN this one has tables of somebody else
//                       SQLITE_IN_USE           they are in SQLite files
// or what libs/sql answers.
absl::Status PrepareDatabases(const DataFolder& folder, absl::string_view server);

// The name of a service's database on a server: `lgsp_dossiers`.
std::string DatabaseName(absl::string_view service);

// Where the last run had the database of `service`, for sql::Database::Open. NOT_FOUND
// FILE_MISSING: it has no configuration, or names no database in it.
absl::StatusOr<std::string> DatabaseUrl(const DataFolder& folder, absl::string_view service);

}  // namespace lgsp::cli
