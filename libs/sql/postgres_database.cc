#include "libs/sql/postgres_database.h"

#include <libpq-fe.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/sql/pool.h"
#include "libs/sql/postgres_connection.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr absl::Duration kConflictPause = absl::Milliseconds(20);
// A statement that takes longer, or waits longer for a lock, holds up those it shares a transaction
// with: it is run again in one of its own. After this long nobody more goes along.
constexpr absl::Duration kSharedPatience = absl::Milliseconds(200);
constexpr char kShare[] =
    "SET LOCAL lock_timeout = 20; SET LOCAL statement_timeout = 200; SAVEPOINT shared";
constexpr char kShareAgain[] = "RELEASE shared; SAVEPOINT shared";

class PostgresDatabase final : public Database {
 public:
  explicit PostgresDatabase(const Options& options)
      : url_(options.url), instruments_(options.metrics), pool_(options, &instruments_) {}

  Engine engine() const override { return Engine::kPostgres; }
  absl::Status Run(Body body, absl::Time deadline) override;
  absl::Status Read(Body body, absl::Time deadline) override;

 private:
  using ConnectionPtr = std::unique_ptr<PostgresConnection>;
  using Visit = Pool<PostgresConnection>::Visit;

  // A Run that waits for a connection, or is run by one that has one.
  struct Request : Waiter {
    Request(Body body, absl::Time deadline) : Waiter(deadline), body(body) {}
    const Body body;
    // When it was run by another: what came of it, or that it has to be run alone.
    absl::Status status;
    bool again = false;
  };

  // With a connection of its own from the pool; `first`: the number of its first attempt.
  absl::Status Transact(Mode mode, Request& request, int first);
  absl::Status Attempt(ConnectionPtr& connection, Mode mode, const Request& request, bool share);
  absl::Status Begin(ConnectionPtr& connection, Mode mode, absl::Time deadline);
  absl::Status ShareWith(PostgresConnection& connection, absl::Time deadline,
                         std::vector<Request*>& others);
  absl::Status Commit(ConnectionPtr& connection, absl::Time deadline, bool share);

  const std::string url_;
  Instruments instruments_;
  Pool<PostgresConnection> pool_;
};

absl::Status PostgresDatabase::Run(Body body, absl::Time deadline) {
  RequireNotInBody();
  const Visit visit(&pool_);
  const absl::Time start = absl::Now();
  Request request(body, deadline);
  request.may_be_taken = true;
  absl::Status status = Transact(Mode::kRun, request, 1);
  if (request.again) {
    instruments_.Count(Mode::kRun, SharedInVain());
    Request alone(body, deadline);
    status = Transact(Mode::kRun, alone, 2);
  }
  instruments_.Finish(Mode::kRun, status, start);
  return status;
}

absl::Status PostgresDatabase::Read(Body body, absl::Time deadline) {
  RequireNotInBody();
  const Visit visit(&pool_);
  const absl::Time start = absl::Now();
  Request request(body, deadline);
  absl::Status status = Transact(Mode::kRead, request, 1);
  instruments_.Finish(Mode::kRead, status, start);
  return status;
}

absl::Status PostgresDatabase::Transact(Mode mode, Request& request, int first) {
  ASSIGN_OR_RETURN(ConnectionPtr connection, pool_.Take(request));
  if (request.state == Waiter::State::kDone) return request.status;
  absl::Status status;
  for (int attempt = first;; ++attempt) {
    status = Attempt(connection, mode, request, attempt == 1);
    if (!IsConflict(status) || attempt == kMaxAttempts || absl::Now() >= request.deadline) break;
    instruments_.Count(mode, status);
    // At once it could take the lock again that the other one of a deadlock waits for.
    if (ErrorReason(status) == "SQL_CONFLICT") {
      absl::SleepFor(std::min(attempt * kConflictPause, request.deadline - absl::Now()));
    }
  }
  pool_.Return(std::move(connection));
  return status;
}

absl::Status PostgresDatabase::Attempt(ConnectionPtr& connection, Mode mode, const Request& request,
                                       bool share) {
  RETURN_IF_ERROR(Begin(connection, mode, request.deadline));
  absl::Status status = connection->RunBody(request.body);
  if (status.ok() && mode == Mode::kRun) return Commit(connection, request.deadline, share);
  // What was read was read, whatever becomes of the end.
  if (!connection->Command(status.ok() ? "COMMIT" : "ROLLBACK").ok()) connection.reset();
  return status;
}

absl::Status PostgresDatabase::Commit(ConnectionPtr& connection, absl::Time deadline, bool share) {
  std::vector<Request*> others;
  absl::Status status;
  if (share) status = ShareWith(*connection, deadline, others);
  const absl::Status ended = connection->Command(status.ok() ? "COMMIT" : "ROLLBACK");
  if (status.ok()) status = OfCommit(ended);
  if (!ended.ok()) connection.reset();
  instruments_.batch_size.Observe(static_cast<double>(1 + others.size()));
  // Nobody before the commit, not even who failed: it may have failed for what it saw of another
  // that is not kept after all.
  const bool unknown = ErrorReason(status) == "SQL_OUTCOME_UNKNOWN";
  for (Request* other : others) {
    if (unknown && other->status.ok()) {
      other->status = status;
    } else if (!status.ok()) {
      other->again = true;
    }
    pool_.Finish(other);
  }
  // Nothing was kept, perhaps for what another has done: alone it may go well.
  if (others.empty() || status.ok() || unknown) return status;
  return SharedInVain();
}

// Those who wait for a connection go along, each in a savepoint. Whatever of them would wait or
// conflict is run again alone, so that no two shared transactions wait for each other. An error
// when the transaction cannot be kept.
absl::Status PostgresDatabase::ShareWith(PostgresConnection& connection, absl::Time deadline,
                                         std::vector<Request*>& others) {
  const absl::Time end = std::min(absl::Now() + kSharedPatience, deadline - 2 * kSharedPatience);
  while (others.size() + 1 < kMaxShared && absl::Now() < end) {
    // Their own deadlines are beyond what is waited for here.
    Waiter* const waiter = pool_.TakeWaiter(absl::Now() + 2 * kSharedPatience);
    if (waiter == nullptr) break;
    auto* const next = static_cast<Request*>(waiter);
    others.push_back(next);
    RETURN_IF_ERROR(connection.Command(others.size() == 1 ? kShare : kShareAgain));
    next->status = connection.RunBody(next->body);
    if (next->status.ok()) continue;
    RETURN_IF_ERROR(connection.Command("ROLLBACK TO shared"));
    next->again = IsConflict(next->status) || ErrorReason(next->status) == "SQL_STATEMENT_TIMEOUT";
    if (next->again) break;
  }
  return absl::OkStatus();
}

absl::Status PostgresDatabase::Begin(ConnectionPtr& connection, Mode mode, absl::Time deadline) {
  std::string begin = mode == Mode::kRun ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                                         : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  if (deadline != absl::InfiniteFuture()) {
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    absl::StrAppend(&begin, "; SET LOCAL statement_timeout = ",
                    std::clamp<int64_t>(left, 1, std::numeric_limits<int32_t>::max()));
  }
  if (connection != nullptr) {
    const absl::Status status = connection->Command(begin);
    if (!connection->lost()) return status;
    // It died while idle, and nothing was asked of it yet.
    connection.reset();
  }
  ASSIGN_OR_RETURN(connection, PostgresConnection::Open(url_));
  return connection->Command(begin);
}

// Sorting by language would put pages and ranges of keys in another order than SQLite does.
absl::Status CheckCollation(Database& database) {
  return database.Read([](Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(
        const Result found,
        tx.Execute("SELECT datcollate, pg_encoding_to_char(encoding), 'B' < 'a' FROM pg_database "
                   "WHERE datname = current_database()"));
    const Row& row = found.rows.at(0);
    if (row.Text(0) == "C" && row.Text(1) == "UTF8" && row.Int(2) == 1) return absl::OkStatus();
    return MakeError(absl::StatusCode::kFailedPrecondition, "SQL_COLLATION_WRONG",
                     "the database must have LC_COLLATE C and the encoding UTF8",
                     {{"collation", row.Text(0)}, {"encoding", row.Text(1)}});
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> OpenPostgres(const Options& options) {
  // The text of a parse error may quote the URL, which may have a password.
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(options.url.c_str(), nullptr), PQconninfoFree);
  if (parsed == nullptr) {
    return MakeError(absl::StatusCode::kInvalidArgument, "SQL_URL_INVALID",
                     "the connection string of PostgreSQL is wrong");
  }
  auto database = std::make_unique<PostgresDatabase>(options);
  RETURN_IF_ERROR(CheckCollation(*database));
  return database;
}

}  // namespace lgsp::sql
