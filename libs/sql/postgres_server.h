// Databases of a PostgreSQL server, before a service opens its own by `Database::Open`.
//
// A server is `postgresql://user@host:port/?options`, without a database. A password is not in it:
// `?passfile=/path` names a file of libpq's form (`host:port:database:user:password`, mode 0600).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::sql {

// The URL of the database `name` (a-z, 0-9, `_`) of `server`. INVALID_ARGUMENT SQL_URL_INVALID,
// SQL_PASSWORD_IN_URL.
absl::StatusOr<std::string> UrlOfDatabase(absl::string_view server, absl::string_view name);

// Whether `server` has it. What UrlOfDatabase answers; UNAVAILABLE SQL_CONNECTION_LOST with libpq's
// words, which name host and user, as whoever asks has just named them.
absl::StatusOr<bool> HasDatabase(absl::string_view server, absl::string_view name);

// Makes it as Database::Open wants it: LC_COLLATE C, UTF8. One that is there is left alone.
// What HasDatabase answers; FAILED_PRECONDITION SQL_DATABASE_NOT_ALLOWED: the user may not.
absl::Status MakeDatabase(absl::string_view server, absl::string_view name);

}  // namespace lgsp::sql
