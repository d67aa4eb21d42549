// Outward calls that must happen: written with the decision, made by a worker, repeated until the
// outcome is clear. DESIGN.md section 4.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/durable/subject_keys.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::durable {

// How long a claim holds unless it is renewed: as long nobody makes the calls of a worker that
// died.
inline constexpr absl::Duration kClaimDuration = absl::Seconds(15);
// How often a worker renews the claims of what it has not finished.
inline constexpr absl::Duration kClaimRenewal = absl::Seconds(5);
// No claim outlives the time of its attempt by more than this, which is for the transaction that
// records the outcome.
inline constexpr absl::Duration kClaimMargin = absl::Seconds(15);
// What one RunOnce makes at most.
inline constexpr int kMaxAttemptsInARow = 64;
// After so many attempts in a row that found the partner out of reach, a worker makes one call at a
// time, until one gets through.
inline constexpr int kOutOfReachInARow = 8;
// How long a call that was made is kept, without its request.
inline constexpr absl::Duration kDoneLifetime = absl::Hours(30 * 24);
// Calls deleted in one transaction.
inline constexpr int kMaxDeletedCalls = 1000;

// A call as stored.
struct Call {
  std::string id;
  // The resource it is about; its data key seals the request. Calls of one subject and kind go in
  // order of `sequence`.
  std::string subject;
  int64_t sequence = 0;
  std::string request;
  // Attempts begun, this one included.
  int64_t attempts = 0;
};

// How an attempt went, with what the partner answered where that matters.
struct Answer {
  // Implicit, so that an attempt returns either.
  Answer(absl::Status status) : status(std::move(status)) {}
  Answer(absl::StatusOr<std::string> answer) : status(answer.status()) {
    if (answer.ok()) content = *std::move(answer);
  }
  absl::Status status;
  std::string content;
};

// How an attempt ended.
struct Outcome {
  absl::Status status;
  // Not tried again: the call is done or has failed.
  bool final = false;
  // What the partner answered; kept nowhere but by Record.
  std::string answer = {};
};

// Stores a call of `kind` in the transaction of the decision: due at once, or when the open ones of
// its subject with a lower sequence have ended. `key` is the data key of the call's subject. It
// takes its turn by security time, so that those that failed before it are not passed by.
// ALREADY_EXISTS when the subject has a call of this kind and sequence.
absl::Status AddCall(sql::Transaction& tx, absl::string_view kind, const Call& call,
                     const keys::DataKey& key, const Clock& clock);

// Has a call made again, with the request given: one of the same subject, kind and sequence that
// was made or has failed is open again, under the new id and without attempts; where there is none
// (any more) it is stored as by AddCall. False: it is still open, and stays as it is. The caller
// sees to it that no later call of the subject has been made.
absl::StatusOr<bool> RepeatCall(sql::Transaction& tx, absl::string_view kind, const Call& call,
                                const keys::DataKey& key, const Clock& clock);

// Deletes what was done kDoneLifetime before `now` (civil time), in transactions of at most
// kMaxDeletedCalls. Those that failed stay: somebody has to see to them.
absl::Status DeleteDoneCalls(sql::Database& db, absl::Time now);

// Makes the calls of one kind. An attempt that dies with its process is made again when its claim
// has run out, after kClaimDuration at the latest: what is called must bear repetition.
//
// Claims and back-off go by security time: how long a partner is given has nothing to do with the
// civil time of a simulation, in which a claim would run out at once. Hosts that share a database
// must agree on the time to kClaimRenewal.
class CallWorker {
 public:
  struct Options {
    std::string kind;
    // Reasons by which the partner refuses for good: such a call has failed. Every other failure is
    // tried again without end.
    std::vector<std::string> final_reasons = {};
    // Reasons by which it says that it is there and needs time: tried again like any other, but not
    // a sign that the partner is out of reach.
    std::vector<std::string> pending_reasons = {};
    int threads = 4;
    // How long an attempt may take; its claim is renewed for a little longer.
    absl::Duration attempt_timeout = absl::Seconds(60);
    absl::Duration first_backoff = absl::Milliseconds(250);
    absl::Duration longest_backoff = absl::Seconds(60);
    // How often calls are looked for when nobody says Wake; claims are renewed between.
    absl::Duration poll_interval = absl::Seconds(1);
  };
  // Makes the call; no transaction is open. `deadline` is of the machine's clock, as gRPC and
  // sockets want it.
  using Perform = std::function<Answer(const Call&, absl::Time deadline)>;
  // Records the outcome, in the transaction that closes or postpones the call. A call whose subject
  // was erased is not made; it has failed with NOT_FOUND DATA_KEY_ERASED.
  using Record = std::function<absl::Status(sql::Transaction&, const Call&, const Outcome&)>;

  CallWorker(sql::Database* db, const SubjectKeys* subject_keys, const Clock* clock,
             metrics::Registry* metrics, Options options, Perform perform, Record record);
  ~CallWorker();  // waits for the attempts under way

  // Begins to work in its own threads. Call once.
  void Start();
  // Says that calls may have been added.
  void Wake();

  // Makes what is due, one after the other, in the calling thread; at most kMaxAttemptsInARow. Says
  // how many attempts were made. Nothing renews these claims: each holds for its whole attempt.
  absl::StatusOr<int> RunOnce();

 private:
  // A call that is this worker's until its claim runs out, and whether its request could be read.
  struct Claimed {
    Call call;
    absl::Status readable;
  };

  // Which attempt of which call.
  using AttemptId = std::pair<std::string, int64_t>;
  // When a claim is renewed next, and when it ends for good.
  struct Holding {
    absl::Time renewal;
    absl::Time end;
  };

  absl::StatusOr<std::vector<Claimed>> Claim(int limit, absl::Duration duration);
  // Renews what is due; no transaction when that is nothing.
  absl::Status RenewClaims();
  absl::Status Attempt(const Claimed& claimed);
  Outcome Judge(const Claimed& claimed, Answer answer) const;
  // Closes or postpones the call; false when another worker has it.
  absl::StatusOr<bool> Settle(sql::Transaction& tx, const Call& call, const Outcome& outcome);
  // How many calls may be claimed now.
  int Room() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Claims `room` calls for the workers.
  void Fill(int room);
  void Dispatch();
  void Work();
  absl::Status ReportBacklog();

  sql::Database* const db_;
  const SubjectKeys* const subject_keys_;
  const Clock* const clock_;
  const Options options_;
  const Perform perform_;
  const Record record_;
  const std::string claimant_;
  metrics::Counter succeeded_, postponed_, failed_;
  metrics::Gauge open_, oldest_seconds_;

  absl::Mutex mutex_;
  // Claimed and not begun; never more than there are idle workers: the time of an attempt counts
  // from its claim.
  std::deque<Claimed> queue_ ABSL_GUARDED_BY(mutex_);
  // Claimed and not finished, `queue_` included.
  std::map<AttemptId, Holding> held_ ABSL_GUARDED_BY(mutex_);
  int out_of_reach_ ABSL_GUARDED_BY(mutex_) = 0;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing is under way and nothing will be claimed any more.
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread dispatcher_;
  std::vector<std::thread> workers_;
};

}  // namespace lgsp::durable
