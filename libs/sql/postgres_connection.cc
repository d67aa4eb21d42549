#include "libs/sql/postgres_connection.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/sql/postgres_values.h"
#include "libs/sql/statement_text.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

constexpr char kConnectTimeoutSeconds[] = "5";
// A peer that does not acknowledge for so long is gone.
constexpr char kSilenceMilliseconds[] = "15000";

struct Release {
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
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

absl::Status AddRows(const PGresult* answer, Result* result) {
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

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(
    const std::string& url) {
  // What stands after dbname wins over the URL. No compilation: of statements as short as ours it
  // takes longer than they do, and it begins as tables grow.
  constexpr const char* kKeys[] = {"connect_timeout",
                                   "tcp_user_timeout",
                                   "application_name",
                                   "options",
                                   "dbname",
                                   "client_encoding",
                                   nullptr};
  const char* values[] = {kConnectTimeoutSeconds,
                          kSilenceMilliseconds,
                          "lgsp",
                          "-c jit=off",
                          url.c_str(),
                          "UTF8",
                          nullptr};
  auto connection = std::make_unique<PostgresConnection>();
  connection->connection_.reset(PQconnectdbParams(kKeys, values, 1));
  // Its own words name hosts and users.
  if (connection->lost()) return FromSqlState("", "cannot connect");
  PQsetNoticeProcessor(connection->connection_.get(), [](void*, const char*) {}, nullptr);
  return connection;
}

absl::Status PostgresConnection::Command(const std::string& sql) {
  const ResultPtr result(PQexec(connection_.get(), sql.c_str()));
  return Checked(ErrorOf(result.get()));
}

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
      // statement_completion_unknown
      {"40003", absl::StatusCode::kUnavailable, "SQL_CONNECTION_LOST"},
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
