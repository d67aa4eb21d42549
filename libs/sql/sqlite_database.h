// The engine for embedded use: one file, one writer thread.
#pragma once

#include <memory>

#include "libs/sql/sql.h"

namespace lgsp::sql {

// Transactions that may share one commit.
inline constexpr size_t kMaxBatch = 256;
// So long a transaction waits for another process that writes the file; then ABORTED SQL_CONFLICT.
inline constexpr absl::Duration kBusyTimeout = absl::Seconds(2);

absl::StatusOr<std::unique_ptr<Database>> OpenSqlite(absl::string_view path,
                                                     const Options& options);

// The Status of an extended result code.
absl::Status FromSqliteCode(int code, absl::string_view message);

}  // namespace lgsp::sql
