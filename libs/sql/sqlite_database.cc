#include "libs/sql/sqlite_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/sql/connection.h"
#include "libs/sql/pool.h"
#include "libs/sql/statement_text.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

// Virtual machine steps between two looks at the clock, about a tenth of a millisecond.
constexpr int kStepsPerCheck = 10'000;
// What a burst left of the WAL file is given back to the disk by the checkpoint after it.
constexpr char kWalLimit[] = "PRAGMA journal_size_limit = 67108864";

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

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

class SqliteConnection final : public Connection {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path,
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
      for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                                 "PRAGMA foreign_keys = ON", kWalLimit}) {
        RETURN_IF_ERROR(connection->Command(pragma));
      }
    }
    return connection;
  }

  absl::Status Command(absl::string_view sql) { return Perform(sql, {}).status(); }

  // False after the errors by which SQLite itself rolls everything back.
  bool in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

  // Statements that still run at `deadline` end with SQL_STATEMENT_TIMEOUT. Not for the writer, of
  // whom SQLite would roll back the whole transaction.
  void set_deadline(absl::Time deadline) {
    deadline_ = deadline;
    const bool limited = deadline != absl::InfiniteFuture();
    sqlite3_progress_handler(
        db_.get(), limited ? kStepsPerCheck : 0,
        [](void* self) {
          return absl::Now() < static_cast<SqliteConnection*>(self)->deadline_ ? 0 : 1;
        },
        this);
  }

 private:
  struct Statement {
    std::unique_ptr<sqlite3_stmt, Finalize> handle;
    std::vector<std::string> names;
  };

  absl::Status Error() const {
    return FromSqliteCode(sqlite3_extended_errcode(db_.get()), sqlite3_errmsg(db_.get()));
  }

  absl::StatusOr<const Statement*> Prepare(absl::string_view sql) {
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

  absl::StatusOr<Result> Perform(absl::string_view sql, Params params) override {
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

  std::unique_ptr<sqlite3, Close> db_;
  absl::flat_hash_map<std::string, Statement> statements_;
  absl::Time deadline_ = absl::InfiniteFuture();
};

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(absl::string_view path, const Options& options,
                 std::unique_ptr<SqliteConnection> writer)
      : path_(path),
        max_waiting_(std::max(1, options.max_waiting)),
        instruments_(options.metrics),
        readers_(options, &instruments_),
        writer_(std::move(writer)),
        thread_([this] { Write(); }) {}

  ~SqliteDatabase() override {
    {
      std::unique_lock lock(mutex_);
      left_.wait(lock, [this] { return callers_ == 0; });
      stopping_ = true;
      work_.notify_one();
    }
    thread_.join();
  }

  Engine engine() const override { return Engine::kSqlite; }
  absl::Status Run(Body body, absl::Time deadline) override;
  absl::Status Read(Body body, absl::Time deadline) override;

 private:
  // Lives on the stack of its caller, who leaves when it is done, or not begun in time.
  struct Request {
    Request(Body body, absl::Time deadline) : body(body), deadline(deadline) {}
    Body body;
    absl::Time deadline;
    bool begun = false;
    bool done = false;
    absl::Status status;
    std::condition_variable answered;
  };

  void Await(Request& request, std::unique_lock<std::mutex>& lock);
  absl::Status ReadOn(std::unique_ptr<SqliteConnection>& reader, Body body, absl::Time deadline);

  // On the writer's thread.
  void Write();
  void WriteBatch();
  Request* Next();
  absl::Status RunInSavepoint(Body body);
  void RefuseWaiting(const absl::Status& status);
  void Answer(Request* request);

  const std::string path_;
  const size_t max_waiting_;
  Instruments instruments_;
  Pool<SqliteConnection> readers_;
  const std::unique_ptr<SqliteConnection> writer_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable left_;
  std::deque<Request*> queue_;
  int callers_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

absl::Status SqliteDatabase::Run(Body body, absl::Time deadline) {
  RequireNotInBody();
  const absl::Time start = absl::Now();
  Request request(body, deadline);
  std::unique_lock lock(mutex_);
  ++callers_;
  if (queue_.size() >= max_waiting_) {
    request.status = QueueFull();
  } else {
    Await(request, lock);
  }
  instruments_.Finish(Mode::kRun, request.status, start);
  if (--callers_ == 0) left_.notify_all();
  return std::move(request.status);
}

void SqliteDatabase::Await(Request& request, std::unique_lock<std::mutex>& lock) {
  queue_.push_back(&request);
  instruments_.waiting.Add(1);
  work_.notify_one();
  const auto done = [&request] { return request.done; };
  if (request.answered.wait_until(lock, absl::ToChronoTime(request.deadline), done)) return;
  if (request.begun) return request.answered.wait(lock, done);
  std::erase(queue_, &request);
  instruments_.waiting.Add(-1);
  request.status = QueueTimeout();
}

absl::Status SqliteDatabase::Read(Body body, absl::Time deadline) {
  RequireNotInBody();
  const absl::Time start = absl::Now();
  absl::StatusOr<std::unique_ptr<SqliteConnection>> reader = readers_.Take(deadline);
  absl::Status status = reader.status();
  if (reader.ok()) status = ReadOn(*reader, body, deadline);
  instruments_.Finish(Mode::kRead, status, start);
  if (reader.ok()) readers_.Return(*std::move(reader));
  return status;
}

absl::Status SqliteDatabase::ReadOn(std::unique_ptr<SqliteConnection>& reader, Body body,
                                    absl::Time deadline) {
  if (reader == nullptr) {
    ASSIGN_OR_RETURN(reader, SqliteConnection::Open(path_, Mode::kRead));
  }
  RETURN_IF_ERROR(reader->Command("BEGIN"));
  reader->set_deadline(deadline);
  const absl::Status status = reader->RunBody(body);
  reader->set_deadline(absl::InfiniteFuture());
  if (!reader->Command("ROLLBACK").ok()) reader.reset();
  return status;
}

void SqliteDatabase::Write() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
    }
    WriteBatch();
  }
}

void SqliteDatabase::WriteBatch() {
  if (const absl::Status begun = writer_->Command("BEGIN IMMEDIATE"); !begun.ok()) {
    return RefuseWaiting(begun);
  }
  std::vector<Request*> batch;
  absl::Status shared;
  while (batch.size() < kMaxBatch) {
    Request* request = Next();
    if (request == nullptr) break;
    batch.push_back(request);
    request->status = RunInSavepoint(request->body);
    if (!writer_->in_transaction()) {
      shared = MakeError(absl::StatusCode::kAborted, "SQL_CONFLICT",
                         "given up with another transaction of the same commit");
      break;
    }
  }
  Request* const breaker = shared.ok() ? nullptr : batch.back();
  if (shared.ok()) shared = OfCommit(writer_->Command("COMMIT"));
  if (writer_->in_transaction()) writer_->Command("ROLLBACK").IgnoreError();
  if (!batch.empty()) instruments_.batch_size.Observe(static_cast<double>(batch.size()));
  // Nobody before the commit, not even who failed: it may have failed for what it saw of another
  // that is not kept after all.
  for (Request* request : batch) {
    if (!shared.ok() && request != breaker) request->status = shared;
    Answer(request);
  }
}

// Only those who waited meanwhile: who comes now has its own wait for the other process.
void SqliteDatabase::RefuseWaiting(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  for (Request* request : queue_) {
    instruments_.waiting.Add(-1);
    request->status = status;
    request->done = true;
    request->answered.notify_one();
  }
  queue_.clear();
}

SqliteDatabase::Request* SqliteDatabase::Next() {
  const std::lock_guard lock(mutex_);
  while (!queue_.empty()) {
    Request* request = queue_.front();
    queue_.pop_front();
    instruments_.waiting.Add(-1);
    request->begun = true;
    if (absl::Now() < request->deadline) return request;
    request->status = QueueTimeout();
    request->done = true;
    request->answered.notify_one();
  }
  return nullptr;
}

absl::Status SqliteDatabase::RunInSavepoint(Body body) {
  for (int attempt = 1;; ++attempt) {
    RETURN_IF_ERROR(writer_->Command("SAVEPOINT request"));
    absl::Status status = writer_->RunBody(body);
    if (status.ok()) status = writer_->Command("RELEASE request");
    if (status.ok() || !writer_->in_transaction()) return status;
    // What cannot be undone alone must not be committed with the others.
    if (!writer_->Command("ROLLBACK TO request").ok() ||
        !writer_->Command("RELEASE request").ok()) {
      writer_->Command("ROLLBACK").IgnoreError();
      return status;
    }
    if (!IsConflict(status) || attempt == kMaxAttempts) return status;
    instruments_.Count(Mode::kRun, status);
  }
}

void SqliteDatabase::Answer(Request* request) {
  const std::lock_guard lock(mutex_);
  request->done = true;
  request->answered.notify_one();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> OpenSqlite(absl::string_view path,
                                                     const Options& options) {
  ASSIGN_OR_RETURN(auto writer, SqliteConnection::Open(std::string(path), Mode::kRun));
  return std::make_unique<SqliteDatabase>(path, options, std::move(writer));
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
