// The engine for deployments: PostgreSQL by libpq.
#pragma once

#include <memory>

#include "libs/sql/sql.h"

namespace lgsp::sql {

absl::StatusOr<std::unique_ptr<Database>> OpenPostgres(const Options& options);

// The Status of a SQLSTATE; an empty one is a lost connection. `detail` may hold no values.
absl::Status FromSqlState(absl::string_view sqlstate, absl::string_view detail);

}  // namespace lgsp::sql
