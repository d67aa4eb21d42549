#include "libs/sql/sqlite_connection.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/sql/statement_text.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

// Virtual machine steps between two looks at the clock, about a tenth of a millisecond.
constexpr int kStepsPerCheck = 10'000;
// Pages a writer keeps in memory, in KiB (negative), against the 2 MB of the engine.
constexpr char kCache[] = "PRAGMA cache_size = -16384";
// Savepoints keep what they would undo in memory, not in a file that is made for each.
constexpr char kTemporary[] = "PRAGMA temp_store = MEMORY";
// Pages of the WAL before they are copied into the database: 16 MB, so that a page that many
// transactions change is copied once for all of them.
constexpr char kCheckpoint[] = "PRAGMA wal_autocheckpoint = 4000";
// What a burst left of the WAL file is given back to the disk by the checkpoint after it.
constexpr char kWalLimit[] = "PRAGMA journal_size_limit = 67108864";

int Bind(sqlite3_stmt* statement, int index, const Value& value) {
  // The value outlives the step: SQLite need not copy it.
  if (const auto* v = std::get_if<int64_t>(&value)) return sqlite3_bind_int64(statement, index, *v);
  if (const auto* v = std::get_if<double>(&value)) return sqlite3_bind_double(statement, index, *v);
  if (const auto* v = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, index, v->data(), v->size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  if (const auto* v = std::get_if<Bytes>(&value)) {
    return sqlite3_bind_blob64(statement, index, v->data.data(), v->data.size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

Value Column(sqlite3_stmt* statement, int column) {
  const auto bytes = [&](const void* data) {
    return std::string(static_cast<const char*>(data), sqlite3_column_bytes(statement, column));
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return bytes(sqlite3_column_text(statement, column));
    case SQLITE_BLOB:
      return Bytes{bytes(sqlite3_column_blob(statement, column))};
    default:
      return std::monostate();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path,
                                                                         Mode mode) {
  auto connection = std::make_unique<SqliteConnection>();
  sqlite3* db = nullptr;
  const int how =
      mode == Mode::kRun ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(path.c_str(), &db, how | SQLITE_OPEN_NOMUTEX, nullptr);
  connection->db_.reset(db);
  if (code != SQLITE_OK) return FromSqliteCode(code, "the database file cannot be opened");
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, static_cast<int>(absl::ToInt64Milliseconds(kBusyTimeout)));
  if (mode == Mode::kRun) {
    for (const char* pragma :
         {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
          kCache, kTemporary, kCheckpoint, kWalLimit}) {
      RETURN_IF_ERROR(connection->Command(pragma));
    }
  }
  return connection;
}

void SqliteConnection::set_deadline(absl::Time deadline) {
  deadline_ = deadline;
  const bool limited = deadline != absl::InfiniteFuture();
  sqlite3_progress_handler(
      db_.get(), limited ? kStepsPerCheck : 0,
      [](void* self) {
        return absl::Now() < static_cast<SqliteConnection*>(self)->deadline_ ? 0 : 1;
      },
      this);
}

absl::Status SqliteConnection::Error() const {
  return FromSqliteCode(sqlite3_extended_errcode(db_.get()), sqlite3_errmsg(db_.get()));
}

absl::StatusOr<const SqliteConnection::Statement*> SqliteConnection::Prepare(
    absl::string_view sql) {
  if (const auto known = statements_.find(sql); known != statements_.end()) return &known->second;
  StatementText text = NumberParameters(sql, '?');
  sqlite3_stmt* handle = nullptr;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v3(db_.get(), text.sql.c_str(), static_cast<int>(text.sql.size() + 1),
                         SQLITE_PREPARE_PERSISTENT, &handle, &rest);
  Statement statement{{handle, Finalize()}, std::move(text.names)};
  if (code != SQLITE_OK) return Error();
  if (handle == nullptr || !absl::StripAsciiWhitespace(rest).empty()) {
    return StatementWrong("not exactly one statement");
  }
  if (statements_.size() >= kMaxStatements) statements_.clear();
  return &statements_.emplace(sql, std::move(statement)).first->second;
}

absl::StatusOr<Result> SqliteConnection::Perform(absl::string_view sql, Params params) {
  ASSIGN_OR_RETURN(const Statement* statement, Prepare(sql));
  ASSIGN_OR_RETURN(const std::vector<const Value*> values, InOrder(statement->names, params));
  sqlite3_stmt* handle = statement->handle.get();
  const absl::Cleanup reset = [handle] {
    sqlite3_reset(handle);
    sqlite3_clear_bindings(handle);
  };
  for (size_t i = 0; i < values.size(); ++i) {
    if (Bind(handle, static_cast<int>(i) + 1, *values[i]) != SQLITE_OK) return Error();
  }
  const int64_t changes_before = sqlite3_total_changes64(db_.get());
  Result result;
  int code = SQLITE_OK;
  while ((code = sqlite3_step(handle)) == SQLITE_ROW) {
    if (result.rows.size() == kMaxRows) return TooManyRows();
    std::vector<Value> row(sqlite3_column_count(handle));
    for (size_t i = 0; i < row.size(); ++i) row[i] = Column(handle, static_cast<int>(i));
    result.rows.emplace_back(std::move(row));
  }
  if (code != SQLITE_DONE) return Error();
  // SQLite's own number is of the last change, which a SELECT is not.
  const bool changed = sqlite3_total_changes64(db_.get()) != changes_before;
  result.changed = changed ? sqlite3_changes64(db_.get()) : 0;
  return result;
}

absl::Status FromSqliteCode(int code, absl::string_view message) {
  const auto error = [&](absl::StatusCode status, absl::string_view reason) {
    return MakeError(status, reason, absl::StrCat("SQLite error ", code, ": ", message));
  };
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return error(absl::StatusCode::kAlreadyExists, "SQL_UNIQUE_VIOLATION");
  }
  // The lowest byte is the kind.
  switch (code & 0xFF) {
    case SQLITE_CONSTRAINT:
      return error(absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(absl::StatusCode::kAborted, "SQL_CONFLICT");
    case SQLITE_INTERRUPT:
      return error(absl::StatusCode::kDeadlineExceeded, "SQL_STATEMENT_TIMEOUT");
    case SQLITE_FULL:
      return error(absl::StatusCode::kResourceExhausted, "SQL_DISK_FULL");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return error(absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error(absl::StatusCode::kDataLoss, "SQL_DATA_CORRUPT");
    default:
      return error(absl::StatusCode::kInternal, "SQL_STATEMENT_WRONG");
  }
}

}  // namespace lgsp::sql
