#include "libs/sql/connection.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "libs/sql/statement_text.h"
#include "libs/status/status.h"

namespace lgsp::sql {
namespace {

thread_local bool in_body = false;

}  // namespace

absl::Status TooManyRows() {
  return MakeError(absl::StatusCode::kResourceExhausted, "SQL_TOO_MANY_ROWS",
                   "a statement answers too many rows", {{"limit", absl::StrCat(kMaxRows)}});
}

absl::Status QueueFull() {
  return MakeError(absl::StatusCode::kResourceExhausted, "SQL_QUEUE_FULL",
                   "too many transactions wait for the database");
}

absl::Status QueueTimeout() {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "SQL_QUEUE_TIMEOUT",
                   "the transaction did not begin in time");
}

absl::Status SharedInVain() {
  return MakeError(absl::StatusCode::kAborted, "SQL_CONFLICT",
                   "given up with another transaction of the same commit");
}

absl::Status StatementWrong(absl::string_view what) {
  return MakeError(absl::StatusCode::kInternal, "SQL_STATEMENT_WRONG", what);
}

bool IsConflict(const absl::Status& status) {
  if (!absl::IsAborted(status)) return false;
  const std::string reason = ErrorReason(status);
  return reason == "REVISION_CONFLICT" || reason == "SQL_CONFLICT";
}

absl::Status OfCommit(absl::Status status) {
  if (ErrorReason(status) != "SQL_CONNECTION_LOST") return status;
  return MakeError(absl::StatusCode::kUnavailable, "SQL_OUTCOME_UNKNOWN",
                   "the connection was lost during COMMIT");
}

void RequireNotInBody() {
  if (!in_body) return;
  std::cerr << "libs/sql: Run or Read called inside a body; use the Transaction it was given\n";
  std::abort();
}

absl::StatusOr<std::vector<const Value*>> InOrder(const std::vector<std::string>& names,
                                                  Params params) {
  std::vector<const Value*> values;
  values.reserve(names.size());
  for (const std::string& name : names) {
    const auto* param =
        std::find_if(params.begin(), params.end(), [&](const Param& p) { return p.name == name; });
    if (param == params.end()) return StatementWrong(absl::StrCat("no value for :", name));
    values.push_back(&param->value);
  }
  if (params.size() != names.size())
    return StatementWrong("a value for no parameter, or two for one");
  return values;
}

absl::StatusOr<Result> Connection::Execute(absl::string_view sql, Params params) {
  if (!failed_.ok()) return failed_;
  for (const Param& param : params) {
    const auto* text = std::get_if<std::string>(&param.value);
    if (text != nullptr && !IsText(*text)) {
      failed_ = MakeError(absl::StatusCode::kInvalidArgument, "SQL_TEXT_INVALID",
                          "a text has NUL or is not UTF-8", {{"parameter", param.name}});
      return failed_;
    }
  }
  absl::StatusOr<Result> result = Perform(sql, params);
  failed_ = result.status();
  return result;
}

absl::Status Connection::RunBody(Body body) {
  in_body = true;
  const absl::Cleanup left = [] { in_body = false; };
  failed_ = absl::OkStatus();
  const absl::Status status = body(*this);
  return status.ok() ? failed_ : status;
}

Instruments::Instruments(metrics::Registry* registry) {
  if (registry == nullptr) return;
  waiting =
      registry->GetGauge("sql_waiting", "Transactions that wait for the writer or a connection.");
  batch_size =
      registry->GetHistogram("sql_commit_batch_size", "Transactions that shared one commit.", {},
                             {1, 2, 4, 8, 16, 32, 64, 128, 256});
  seconds_ = registry->GetHistogram("sql_transaction_seconds", "Transactions with their waiting.");
  constexpr const char* kModes[] = {"run", "read"};
  constexpr const char* kOutcomes[] = {"ok", "error", "conflict"};
  for (int mode = 0; mode < 2; ++mode) {
    for (int outcome = 0; outcome < 3; ++outcome) {
      transactions_[mode][outcome] =
          registry->GetCounter("sql_transactions_total", "Attempts of transactions, by outcome.",
                               {{"mode", kModes[mode]}, {"outcome", kOutcomes[outcome]}});
    }
  }
}

void Instruments::Count(Mode mode, const absl::Status& status) {
  const int outcome = status.ok() ? 0 : IsConflict(status) ? 2 : 1;
  transactions_[static_cast<int>(mode)][outcome].Add();
}

void Instruments::Finish(Mode mode, const absl::Status& status, absl::Time start) {
  Count(mode, status);
  seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
}

}  // namespace lgsp::sql
