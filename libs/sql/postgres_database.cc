#include "libs/sql/postgres_database.h"

#include <libpq-fe.h>

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/sql/connection.h"
#include "libs/sql/pool.h"
#include "libs/sql/postgres_values.h"
#include "libs/sql/statement_text.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr absl::Duration kConflictPause = absl::Milliseconds(20);
constexpr char kConnectTimeoutSeconds[] = "5";
// A peer that does not acknowledge for so long is gone.
constexpr char kSilenceMilliseconds[] = "15000";

struct Release {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ResultPtr = std::unique_ptr<PGresult, Release>;

absl::string_view OrEmpty(const char* text) { return text == nullptr ? "" : text; }

absl::Status ErrorOf(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
      return absl::OkStatus();
    case PGRES_FATAL_ERROR:
      break;
    default:
      return StatementWrong("empty, or COPY");
  }
  const absl::string_view state = OrEmpty(PQresultErrorField(result, PG_DIAG_SQLSTATE));
  // Other messages may quote values.
  const bool syntax = absl::StartsWith(state, "42");
  return FromSqlState(state, OrEmpty(PQresultErrorField(result, syntax ? PG_DIAG_MESSAGE_PRIMARY
                                                                       : PG_DIAG_CONSTRAINT_NAME)));
}

class PostgresConnection final : public Connection {
 public:
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(const std::string& url) {
    // What stands after dbname wins over the URL.
    constexpr const char* kKeys[] = {"connect_timeout", "tcp_user_timeout", "application_name",
                                     "dbname",          "client_encoding",  nullptr};
    const char* values[] = {
        kConnectTimeoutSeconds, kSilenceMilliseconds, "lgsp", url.c_str(), "UTF8", nullptr};
    auto connection = std::make_unique<PostgresConnection>();
    connection->connection_.reset(PQconnectdbParams(kKeys, values, 1));
    // Its own words name hosts and users.
    if (connection->lost()) return FromSqlState("", "cannot connect");
    PQsetNoticeProcessor(connection->connection_.get(), [](void*, const char*) {}, nullptr);
    return connection;
  }

  bool lost() const { return PQstatus(connection_.get()) != CONNECTION_OK; }

  // BEGIN and the like, several at once too.
  absl::Status Command(const std::string& sql) {
    const ResultPtr result(PQexec(connection_.get(), sql.c_str()));
    return Checked(ErrorOf(result.get()));
  }

 private:
  struct Statement {
    std::string id;
    std::vector<std::string> names;
  };

  // A connection that died with an error in words is lost all the same.
  absl::Status Checked(absl::Status status) const {
    return !status.ok() && lost() ? FromSqlState("", "") : status;
  }

  absl::StatusOr<const Statement*> Prepare(absl::string_view sql, Params params);
  absl::StatusOr<Result> Perform(absl::string_view sql, Params params) override;
  absl::StatusOr<Result> Receive();
  static absl::Status AddRows(const PGresult* answer, Result* result);

  std::unique_ptr<PGconn, Release> connection_;
  // By the types of the values and the text: PostgreSQL prepares for given types.
  absl::flat_hash_map<std::string, Statement> statements_;
  int64_t prepared_ = 0;
};

absl::StatusOr<const PostgresConnection::Statement*> PostgresConnection::Prepare(
    absl::string_view sql, Params params) {
  std::string key;
  key.reserve(params.size() + 1 + sql.size());
  for (const Param& param : params) key += static_cast<char>('0' + param.value.index());
  absl::StrAppend(&key, " ", sql);
  if (const auto known = statements_.find(key); known != statements_.end()) return &known->second;
  if (statements_.size() >= kMaxStatements) {
    RETURN_IF_ERROR(Command("DEALLOCATE ALL"));
    statements_.clear();
  }
  StatementText text = NumberParameters(sql, '$');
  ASSIGN_OR_RETURN(const std::vector<const Value*> values, InOrder(text.names, params));
  std::vector<Oid> types;
  types.reserve(values.size());
  for (const Value* value : values) types.push_back(TypeOf(*value));
  Statement statement{absl::StrCat("s", ++prepared_), std::move(text.names)};
  const ResultPtr result(PQprepare(connection_.get(), statement.id.c_str(), text.sql.c_str(),
                                   static_cast<int>(types.size()), types.data()));
  RETURN_IF_ERROR(Checked(ErrorOf(result.get())));
  return &statements_.emplace(std::move(key), std::move(statement)).first->second;
}

absl::StatusOr<Result> PostgresConnection::Perform(absl::string_view sql, Params params) {
  ASSIGN_OR_RETURN(const Statement* statement, Prepare(sql, params));
  ASSIGN_OR_RETURN(const std::vector<const Value*> values, InOrder(statement->names, params));
  const BinaryParams binary(values);
  if (PQsendQueryPrepared(connection_.get(), statement->id.c_str(), static_cast<int>(values.size()),
                          binary.data.data(), binary.lengths.data(), binary.formats.data(),
                          1) == 0) {
    return Checked(FromSqlState("", ""));
  }
  // Row by row, so that too many are not all held before they are refused.
  PQsetSingleRowMode(connection_.get());
  return Receive();
}

absl::StatusOr<Result> PostgresConnection::Receive() {
  Result result;
  absl::Status status;
  for (;;) {
    const ResultPtr answer(PQgetResult(connection_.get()));
    if (answer == nullptr) break;
    // After the first error the rest is only waited for.
    if (!status.ok()) continue;
    status = ErrorOf(answer.get());
    if (status.ok()) status = AddRows(answer.get(), &result);
    if (ErrorReason(status) == "SQL_TOO_MANY_ROWS") {
      char reason[256];
      const std::unique_ptr<PGcancel, Release> cancel(PQgetCancel(connection_.get()));
      PQcancel(cancel.get(), reason, sizeof(reason));
    }
  }
  RETURN_IF_ERROR(Checked(std::move(status)));
  return result;
}

absl::Status PostgresConnection::AddRows(const PGresult* answer, Result* result) {
  if (PQresultStatus(answer) != PGRES_SINGLE_TUPLE) {
    // A SELECT counts its rows there.
    auto* end = const_cast<PGresult*>(answer);
    const bool change = !absl::StartsWith(PQcmdStatus(end), "SELECT");
    if (change) (void)absl::SimpleAtoi(PQcmdTuples(end), &result->changed);
    return absl::OkStatus();
  }
  if (result->rows.size() == kMaxRows) return TooManyRows();
  std::vector<Value> row(PQnfields(answer));
  for (size_t i = 0; i < row.size(); ++i) {
    const int column = static_cast<int>(i);
    if (PQgetisnull(answer, 0, column) != 0) continue;
    const absl::string_view data(PQgetvalue(answer, 0, column), PQgetlength(answer, 0, column));
    ASSIGN_OR_RETURN(row[i], Decode(PQftype(answer, column), data));
  }
  result->rows.emplace_back(std::move(row));
  return absl::OkStatus();
}

class PostgresDatabase final : public Database {
 public:
  explicit PostgresDatabase(const Options& options)
      : url_(options.url), instruments_(options.metrics), pool_(options, &instruments_) {}

  Engine engine() const override { return Engine::kPostgres; }
  absl::Status Run(Body body, absl::Time deadline) override {
    return Transact(Mode::kRun, body, deadline);
  }
  absl::Status Read(Body body, absl::Time deadline) override {
    return Transact(Mode::kRead, body, deadline);
  }

 private:
  using ConnectionPtr = std::unique_ptr<PostgresConnection>;

  absl::Status Transact(Mode mode, Body body, absl::Time deadline);
  absl::Status Attempt(ConnectionPtr& connection, Mode mode, Body body, absl::Time deadline);
  absl::Status Begin(ConnectionPtr& connection, Mode mode, absl::Time deadline);

  const std::string url_;
  Instruments instruments_;
  Pool<PostgresConnection> pool_;
};

absl::Status PostgresDatabase::Transact(Mode mode, Body body, absl::Time deadline) {
  RequireNotInBody();
  const absl::Time start = absl::Now();
  absl::StatusOr<ConnectionPtr> connection = pool_.Take(deadline);
  absl::Status status = connection.status();
  for (int attempt = 1; connection.ok(); ++attempt) {
    status = Attempt(*connection, mode, body, deadline);
    if (!IsConflict(status) || attempt == kMaxAttempts || absl::Now() >= deadline) break;
    instruments_.Count(mode, status);
    // At once it could take the lock again that the other one of a deadlock waits for.
    if (ErrorReason(status) == "SQL_CONFLICT") {
      absl::SleepFor(std::min(attempt * kConflictPause, deadline - absl::Now()));
    }
  }
  instruments_.Finish(mode, status, start);
  if (connection.ok()) pool_.Return(*std::move(connection));
  return status;
}

absl::Status PostgresDatabase::Attempt(ConnectionPtr& connection, Mode mode, Body body,
                                       absl::Time deadline) {
  RETURN_IF_ERROR(Begin(connection, mode, deadline));
  absl::Status status = connection->RunBody(body);
  const absl::Status ended = connection->Command(status.ok() ? "COMMIT" : "ROLLBACK");
  // What was read was read, whatever becomes of the end.
  if (status.ok() && mode == Mode::kRun) status = OfCommit(ended);
  if (!ended.ok()) connection.reset();
  return status;
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
  const std::unique_ptr<PQconninfoOption, Release> parsed(
      PQconninfoParse(options.url.c_str(), nullptr));
  if (parsed == nullptr) {
    return MakeError(absl::StatusCode::kInvalidArgument, "SQL_URL_INVALID",
                     "the connection string of PostgreSQL is wrong");
  }
  auto database = std::make_unique<PostgresDatabase>(options);
  RETURN_IF_ERROR(CheckCollation(*database));
  return database;
}

absl::Status FromSqlState(absl::string_view sqlstate, absl::string_view detail) {
  struct Meaning {
    absl::string_view prefix;
    absl::StatusCode code;
    absl::string_view reason;
  };
  // The first that fits.
  static constexpr Meaning kMeanings[] = {
      {"23505", absl::StatusCode::kAlreadyExists, "SQL_UNIQUE_VIOLATION"},
      {"23", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
      // A number or text too large for its column.
      {"22003", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
      {"22001", absl::StatusCode::kFailedPrecondition, "SQL_CONSTRAINT_VIOLATION"},
      {"22021", absl::StatusCode::kInvalidArgument, "SQL_TEXT_INVALID"},
      {"40", absl::StatusCode::kAborted, "SQL_CONFLICT"},
      {"55P03", absl::StatusCode::kAborted, "SQL_CONFLICT"},
      {"57014", absl::StatusCode::kDeadlineExceeded, "SQL_STATEMENT_TIMEOUT"},
      {"53100", absl::StatusCode::kResourceExhausted, "SQL_DISK_FULL"},
      {"53", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
      {"57P", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
      {"25P03", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
      {"08", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
      {"XX001", absl::StatusCode::kDataLoss, "SQL_DATA_CORRUPT"},
      {"XX002", absl::StatusCode::kDataLoss, "SQL_DATA_CORRUPT"},
  };
  if (sqlstate.empty()) {
    return MakeError(absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST",
                     absl::StrCat("PostgreSQL is not reached ", detail));
  }
  const auto* meaning =
      std::find_if(std::begin(kMeanings), std::end(kMeanings),
                   [&](const Meaning& m) { return absl::StartsWith(sqlstate, m.prefix); });
  const std::string message = absl::StrCat("PostgreSQL error ", sqlstate, ": ", detail);
  if (meaning == std::end(kMeanings)) return StatementWrong(message);
  return MakeError(meaning->code, meaning->reason, message);
}

}  // namespace lgsp::sql
