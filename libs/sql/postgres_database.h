// The engine for deployments: PostgreSQL by libpq.
#pragma once

#include <memory>

#include "libs/sql/sql.h"

namespace lgsp::sql {

// Runs that may share one transaction: whoever has a connection, and who waits for one.
inline constexpr size_t kMaxShared = 16;

absl::StatusOr<std::unique_ptr<Database>> OpenPostgres(const Options& options);

}  // namespace lgsp::sql
