// One connection to a SQLite file.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/sql/connection.h"

namespace lgsp::sql {

// How long a process waits for another one that writes to the same file; then ABORTED SQL_CONFLICT.
inline constexpr absl::Duration kBusyTimeout = absl::Seconds(2);

class SqliteConnection final : public Connection {
 public:
  // UNAVAILABLE SQL_CONNECTION_LOST, DATA_LOSS SQL_DATA_CORRUPT.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path, Mode mode);

  // BEGIN and the like.
  absl::Status Command(absl::string_view sql) { return Perform(sql, {}).status(); }

  // False after the errors by which SQLite itself rolls everything back.
  bool in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

  // Statements that still run at `deadline` end with SQL_STATEMENT_TIMEOUT. Not for the writer, of
  // whom SQLite would roll back the whole transaction.
  void set_deadline(absl::Time deadline);

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  struct Statement {
    std::unique_ptr<sqlite3_stmt, Finalize> handle;
    std::vector<std::string> names;
  };

  absl::Status Error() const;
  absl::StatusOr<const Statement*> Prepare(absl::string_view sql);
  absl::StatusOr<Result> Perform(absl::string_view sql, Params params) override;

  std::unique_ptr<sqlite3, Close> db_;
  absl::flat_hash_map<std::string, Statement> statements_;
  absl::Time deadline_ = absl::InfiniteFuture();
};

// The status of an (extended) result code of SQLite.
absl::Status FromSqliteCode(int code, absl::string_view message);

}  // namespace lgsp::sql
