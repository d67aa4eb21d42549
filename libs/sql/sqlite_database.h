// The engine for embedded use: one file, one writer thread.
#pragma once

#include <memory>

#include "libs/sql/sql.h"

namespace lgsp::sql {

// Transactions that may share one commit.
inline constexpr size_t kMaxBatch = 256;

absl::StatusOr<std::unique_ptr<Database>> OpenSqlite(absl::string_view path,
                                                     const Options& options);

}  // namespace lgsp::sql
