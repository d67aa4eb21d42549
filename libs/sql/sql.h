// One way to the database: SQLite in one file, or PostgreSQL. DESIGN.md section 4.
//
// The same SQL text runs on both. Parameters are named (`:name`), times are microseconds since 1970
// as BIGINT, booleans SMALLINT. In migrations the type name BYTES stands for BLOB or BYTEA. No I/O
// but SQL inside a body.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/metrics/metrics.h"

namespace lgsp::sql {

// Binary data; a plain string is TEXT, in which NUL and ill-formed UTF-8 are INVALID_ARGUMENT
// SQL_TEXT_INVALID.
struct Bytes {
  std::string data;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};

// NULL, BIGINT/SMALLINT, DOUBLE, TEXT, BYTES.
using Value = std::variant<std::monostate, int64_t, double, std::string, Bytes>;

// Microseconds since 1970, and back.
int64_t Micros(absl::Time time);
absl::Time FromMicros(int64_t micros);

// The value of `:name` in a statement (without the colon).
struct Param {
  Param(absl::string_view name, int64_t v) : name(name), value(v) {}
  Param(absl::string_view name, int v) : name(name), value(int64_t{v}) {}
  Param(absl::string_view name, double v) : name(name), value(v) {}
  Param(absl::string_view name, absl::string_view v) : name(name), value(std::string(v)) {}
  Param(absl::string_view name, const char* v) : name(name), value(std::string(v)) {}
  Param(absl::string_view name, std::string v) : name(name), value(std::move(v)) {}
  Param(absl::string_view name, Bytes v) : name(name), value(std::move(v)) {}
  Param(absl::string_view name, absl::Time v) : name(name), value(Micros(v)) {}
  Param(absl::string_view name, Value v) : name(name), value(std::move(v)) {}
  absl::string_view name;
  Value value;
};
using Params = std::initializer_list<Param>;

// One row of an answer. Reading a column as another type than it has is a bug in our own code: the
// process stops.
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  bool IsNull(int column) const;
  int64_t Int(int column) const;
  double Double(int column) const;
  const std::string& Text(int column) const;
  // The raw bytes of a BYTES column.
  const std::string& Blob(int column) const;
  absl::Time Time(int column) const { return FromMicros(Int(column)); }

 private:
  std::vector<Value> values_;
};

// All rows of a SELECT or RETURNING, and how many rows a change touched.
struct Result {
  std::vector<Row> rows;
  int64_t changed = 0;
};

// A statement cannot answer more rows than this; more is RESOURCE_EXHAUSTED SQL_TOO_MANY_ROWS: ask
// for pages.
inline constexpr int64_t kMaxRows = 100'000;

// What a body sees of the transaction it runs in. Valid only during the body.
class Transaction {
 public:
  virtual ~Transaction() = default;
  // Runs one statement. `sql` should be a literal: prepared statements are cached by its text.
  // ALREADY_EXISTS SQL_UNIQUE_VIOLATION, FAILED_PRECONDITION SQL_CONSTRAINT_VIOLATION,
  // INVALID_ARGUMENT SQL_TEXT_INVALID, ABORTED SQL_CONFLICT (serialisation failure, deadlock,
  // busy), UNAVAILABLE SQL_CONNECTION_LOST, RESOURCE_EXHAUSTED SQL_DISK_FULL, DEADLINE_EXCEEDED
  // SQL_STATEMENT_TIMEOUT (the deadline passed; not in a Run on SQLite), DATA_LOSS
  // SQL_DATA_CORRUPT, INTERNAL SQL_STATEMENT_WRONG. After an error the body must return it (or
  // another one): nothing of the transaction is kept, and every later statement of the body answers
  // the same error.
  virtual absl::StatusOr<Result> Execute(absl::string_view sql, Params params) = 0;
  absl::StatusOr<Result> Execute(absl::string_view sql) { return Execute(sql, {}); }
};

using Body = absl::FunctionRef<absl::Status(Transaction&)>;

// A body answers this when `UPDATE … WHERE revision = :loaded` met no row: it is run again from its
// beginning.
absl::Status RevisionConflict();
// So often in all; then ABORTED REVISION_CONFLICT reaches the caller.
inline constexpr int kMaxAttempts = 3;

// A migration: its number (1, 2, 3 …) and statements separated by `;` at the end of a line.
// `postgres` replaces `portable` there when not empty.
struct Migration {
  int number;
  absl::string_view portable;
  absl::string_view postgres;
};

// `url` with a relative path of `sqlite:` set beneath `base`.
std::string ResolveUrl(absl::string_view base, absl::string_view url);

struct Options {
  // `sqlite:/path/to/file.db` or `postgresql://…` (a libpq connection string).
  std::string url;
  // Connections (SQLite: readers; PostgreSQL: all).
  int pool_size = 8;
  // Bodies that may wait for the writer or for a connection; one more is RESOURCE_EXHAUSTED
  // SQL_QUEUE_FULL.
  int max_waiting = 1000;
  metrics::Registry* metrics = nullptr;
};

// A database. Thread-safe.
class Database {
 public:
  // UNAVAILABLE SQL_CONNECTION_LOST, FAILED_PRECONDITION SQL_COLLATION_WRONG (a PostgreSQL database
  // whose LC_COLLATE is not C), INVALID_ARGUMENT SQL_URL_INVALID.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options);
  virtual ~Database() = default;

  // Runs `body` in a read-write transaction, committed and durable when OK comes back. Any other
  // status of the body rolls it back and is returned. SQLite: bodies of several callers share one
  // commit, each in its savepoint. DEADLINE_EXCEEDED SQL_QUEUE_TIMEOUT when it did not begin in
  // time, RESOURCE_EXHAUSTED SQL_QUEUE_FULL. When the connection is lost during COMMIT, UNAVAILABLE
  // SQL_OUTCOME_UNKNOWN: it may have happened.
  virtual absl::Status Run(Body body, absl::Time deadline = absl::InfiniteFuture()) = 0;

  // Runs `body` in a read-only transaction that sees one state of the database.
  virtual absl::Status Read(Body body, absl::Time deadline = absl::InfiniteFuture()) = 0;

  // Brings the schema to the last of `migrations`, each in a transaction of its own; a schema newer
  // than that is FAILED_PRECONDITION SQL_SCHEMA_NEWER. Safe with several processes at once.
  absl::Status Migrate(const std::vector<Migration>& migrations);

  enum class Engine { kSqlite, kPostgres };
  virtual Engine engine() const = 0;
};

}  // namespace lgsp::sql
