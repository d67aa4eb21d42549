// What both engines share: a connection as a transaction, waiting, metrics.
#pragma once

#include <string>
#include <vector>

#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::sql {

// Prepared statements a connection keeps; at that number all are let go. Texts are literals, so it
// is never met.
inline constexpr size_t kMaxStatements = 1000;

absl::Status TooManyRows();
absl::Status QueueFull();
absl::Status QueueTimeout();
// Of a transaction that shared a commit with another one, which broke it: ABORTED SQL_CONFLICT.
absl::Status SharedInVain();
// INTERNAL SQL_STATEMENT_WRONG.
absl::Status StatementWrong(absl::string_view what);

// Whether another attempt may go better: RevisionConflict(), SQL_CONFLICT.
bool IsConflict(const absl::Status& status);

// Of the error of a COMMIT: when the connection is lost, UNAVAILABLE SQL_OUTCOME_UNKNOWN.
absl::Status OfCommit(absl::Status status);

// Stops the process when the calling thread is inside a body: it would wait for itself.
void RequireNotInBody();

// The values in the order of `names`; INTERNAL SQL_STATEMENT_WRONG when they do not match.
absl::StatusOr<std::vector<const Value*>> InOrder(const std::vector<std::string>& names,
                                                  Params params);

// One connection; the transaction of one body at a time.
class Connection : public Transaction {
 public:
  absl::StatusOr<Result> Execute(absl::string_view sql, Params params) final;

  // Calls `body` once, without beginning or ending anything. A failed statement fails it, whatever
  // it answers.
  absl::Status RunBody(Body body);

 private:
  virtual absl::StatusOr<Result> Perform(absl::string_view sql, Params params) = 0;

  absl::Status failed_;
};

enum class Mode { kRun, kRead };

class Instruments {
 public:
  // `registry` may be null.
  explicit Instruments(metrics::Registry* registry);
  // An attempt that ended so.
  void Count(Mode mode, const absl::Status& status);
  // The last one, of a Run or Read that was called at `start`.
  void Finish(Mode mode, const absl::Status& status, absl::Time start);

  metrics::Gauge waiting;
  metrics::Histogram batch_size;

 private:
  // By Mode, then ok, error, conflict.
  metrics::Counter transactions_[2][3];
  metrics::Histogram seconds_;
};

}  // namespace lgsp::sql
