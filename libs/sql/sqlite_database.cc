#include "libs/sql/sqlite_database.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "libs/sql/connection.h"
#include "libs/sql/pool.h"
#include "libs/sql/sqlite_connection.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

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
  const Pool<SqliteConnection>::Visit visit(&readers_);
  Waiter waiter(deadline);
  absl::StatusOr<std::unique_ptr<SqliteConnection>> reader = readers_.Take(waiter);
  absl::Status status = reader.status();
  if (reader.ok()) {
    status = ReadOn(*reader, body, deadline);
    readers_.Return(*std::move(reader));
  }
  instruments_.Finish(Mode::kRead, status, start);
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
      shared = SharedInVain();
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

}  // namespace lgsp::sql
