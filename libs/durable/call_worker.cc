#include <algorithm>

#include "libs/durable/call_rows.h"
#include "libs/durable/calls.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::durable {
namespace {

constexpr int kMaxBackoffDoublings = 16;

bool OutOfReach(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

bool Contains(const std::vector<std::string>& reasons, const absl::Status& status) {
  return std::find(reasons.begin(), reasons.end(), ErrorReason(status)) != reasons.end();
}

}  // namespace

CallWorker::CallWorker(sql::Database* db, const SubjectKeys* subject_keys, const Clock* clock,
                       metrics::Registry* metrics, Options options, Perform perform, Record record)
    : db_(db),
      subject_keys_(subject_keys),
      clock_(clock),
      options_(std::move(options)),
      perform_(std::move(perform)),
      record_(std::move(record)),
      claimant_(NewUuid(*clock)) {
  const auto attempts = [&](absl::string_view outcome) {
    return metrics->GetCounter("calls_attempts_total", "Attempts of outward calls, by outcome.",
                               {{"kind", options_.kind}, {"outcome", outcome}});
  };
  succeeded_ = attempts("ok");
  postponed_ = attempts("postponed");
  failed_ = attempts("failed");
  open_ = metrics->GetGauge("calls_open", "Outward calls not yet done.", {{"kind", options_.kind}});
  oldest_seconds_ =
      metrics->GetGauge("calls_oldest_open_age_seconds",
                        "Age of the oldest outward call not yet done.", {{"kind", options_.kind}});
}

CallWorker::~CallWorker() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (dispatcher_.joinable()) dispatcher_.join();
  {
    absl::MutexLock lock(&mutex_);
    drained_ = true;
  }
  for (std::thread& worker : workers_) worker.join();
}

void CallWorker::Start() {
  dispatcher_ = std::thread([this] { Dispatch(); });
  for (int i = 0; i < options_.threads; ++i) workers_.emplace_back([this] { Work(); });
}

void CallWorker::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
}

absl::StatusOr<std::vector<CallWorker::Claimed>> CallWorker::Claim(int limit,
                                                                   absl::Duration duration) {
  std::vector<Claimed> claimed;
  RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
    claimed.clear();
    const absl::Time now = clock_->SecurityNow();
    ASSIGN_OR_RETURN(
        const sql::Result rows,
        tx.Execute(
            "UPDATE calls SET claimed_until = :until, claimed_by = :me, attempts = attempts + 1 "
            "WHERE id IN (SELECT c.id FROM calls c WHERE c.state = 0 AND c.kind = :kind "
            "AND c.next_attempt_time <= :now AND c.claimed_until < :now "
            // `|| ''`: so that PostgreSQL, while it has no statistics, looks up the subject and
            // does not go through every open call of the kind.
            "AND NOT EXISTS (SELECT 1 FROM calls p WHERE p.state = 0 AND p.subject = c.subject "
            "AND p.kind || '' = c.kind AND p.sequence < c.sequence) "
            "ORDER BY c.next_attempt_time LIMIT :limit) "
            // Again, of the row as it is once it is locked: PostgreSQL chose it before.
            "AND state = 0 AND next_attempt_time <= :now AND claimed_until < :now "
            "RETURNING id, subject, sequence, request, attempts",
            {{"until", now + duration},
             {"me", claimant_},
             {"kind", options_.kind},
             {"now", now},
             {"limit", limit}}));
    for (const sql::Row& row : rows.rows) {
      Call call{row.Text(0), row.Text(1), row.Int(2), "", row.Int(4)};
      // What cannot be read is the outcome of this one call; the others must not wait for it. A
      // failed statement still fails the transaction.
      const auto key = subject_keys_->Get(tx, call.subject);
      auto request = key.ok() ? keys::Open(*key, row.Blob(3), CallContext(call.id)) : key.status();
      if (request.ok()) call.request = *std::move(request);
      claimed.push_back({std::move(call), request.status()});
    }
    return absl::OkStatus();
  }));
  return claimed;
}

absl::Status CallWorker::RenewClaims() {
  const absl::Time now = clock_->SecurityNow();
  std::map<AttemptId, Holding> due;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [attempt, holding] : held_) {
      // One that takes longer than it may is left to others.
      if (holding.renewal <= now && now < holding.end) due.emplace(attempt, holding);
    }
  }
  if (due.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
    for (const auto& [attempt, holding] : due) {
      // Not what is finished since: a postponed call is nobody's.
      RETURN_IF_ERROR(tx.Execute("UPDATE calls SET claimed_until = :until WHERE id = :id "
                                 "AND claimed_by = :me AND attempts = :attempts "
                                 "AND claimed_until > 0",
                                 {{"until", std::min(now + kClaimDuration, holding.end)},
                                  {"id", attempt.first},
                                  {"me", claimant_},
                                  {"attempts", attempt.second}})
                          .status());
    }
    return absl::OkStatus();
  }));
  absl::MutexLock lock(&mutex_);
  for (const auto& [attempt, holding] : due) {
    if (const auto it = held_.find(attempt); it != held_.end()) {
      it->second.renewal = now + kClaimRenewal;
    }
  }
  return absl::OkStatus();
}

absl::Status CallWorker::Attempt(const Claimed& claimed) {
  const Call& call = claimed.call;
  const Outcome outcome =
      Judge(claimed, claimed.readable.ok() ? perform_(call, absl::Now() + options_.attempt_timeout)
                                           : Answer(claimed.readable));
  (outcome.status.ok() ? succeeded_ : outcome.final ? failed_ : postponed_).Add();
  if (!outcome.status.ok()) {
    log::Warning("outward call failed", {{"kind", options_.kind},
                                         {"subject", call.subject},
                                         {"attempt", call.attempts},
                                         {"final", outcome.final ? "yes" : "no"},
                                         {"status", outcome.status}});
  }
  // Nobody was there to judge the call.
  const bool away =
      OutOfReach(outcome.status) && !Contains(options_.pending_reasons, outcome.status);
  {
    absl::MutexLock lock(&mutex_);
    out_of_reach_ = away ? out_of_reach_ + 1 : 0;
  }
  return db_->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const bool settled, Settle(tx, call, outcome));
    // The claim ran out and another worker has the call: its record counts.
    return settled ? record_(tx, call, outcome) : absl::OkStatus();
  });
}

Outcome CallWorker::Judge(const Claimed& claimed, Answer answer) const {
  absl::Status& status = answer.status;
  // An erased subject has nothing left to say to anybody. What cannot be read for another reason
  // may be read yet: a key may be given to the process.
  const bool erased = absl::IsNotFound(claimed.readable);
  const bool refused = claimed.readable.ok() && Contains(options_.final_reasons, status);
  const bool final = status.ok() || erased || refused;
  return {std::move(status), final, std::move(answer.content)};
}

absl::StatusOr<bool> CallWorker::Settle(sql::Transaction& tx, const Call& call,
                                        const Outcome& outcome) {
  const int doublings =
      static_cast<int>(std::min<int64_t>(call.attempts - 1, kMaxBackoffDoublings));
  const absl::Duration backoff =
      std::min(options_.longest_backoff, options_.first_backoff * (int64_t{1} << doublings));
  const absl::Time now = clock_->SecurityNow();
  const int state = outcome.status.ok() ? kCallDone : outcome.final ? kCallFailed : kCallOpen;
  ASSIGN_OR_RETURN(
      const sql::Result updated,
      tx.Execute("UPDATE calls SET state = :state, next_attempt_time = :next, claimed_until = 0, "
                 "request = CASE WHEN :state = 1 THEN :nothing ELSE request END "
                 "WHERE id = :id AND state = 0 AND claimed_by = :me AND attempts = :attempts",
                 {{"state", state},
                  {"next", now + backoff},
                  {"nothing", sql::Bytes{}},
                  {"id", call.id},
                  {"me", claimant_},
                  {"attempts", call.attempts}}));
  if (updated.changed == 0) return false;
  if (state == kCallOpen) return true;
  // The turn of the next.
  RETURN_IF_ERROR(tx.Execute("UPDATE calls SET next_attempt_time = :now WHERE subject = :subject "
                             "AND kind = :kind AND state = 0 AND next_attempt_time = :waits "
                             "AND sequence = (SELECT MIN(sequence) FROM calls WHERE subject = "
                             ":subject AND kind = :kind AND state = 0)",
                             {{"now", now},
                              {"subject", call.subject},
                              {"kind", options_.kind},
                              {"waits", kAfterEarlier}})
                      .status());
  return true;
}

absl::StatusOr<int> CallWorker::RunOnce() {
  // One claim per attempt: a claim taken with others would run out while they are made.
  const absl::Duration duration = options_.attempt_timeout + kClaimMargin;
  for (int made = 0; made < kMaxAttemptsInARow; ++made) {
    ASSIGN_OR_RETURN(const std::vector<Claimed> claimed, Claim(1, duration));
    if (claimed.empty()) return made;
    RETURN_IF_ERROR(Attempt(claimed[0]));
  }
  return kMaxAttemptsInARow;
}

absl::Status CallWorker::ReportBacklog() {
  return db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const sql::Result rows,
                     tx.Execute("SELECT COUNT(*), COALESCE(MIN(create_time), 0) FROM calls "
                                "WHERE state = 0 AND kind = :kind",
                                {{"kind", options_.kind}}));
    open_.Set(static_cast<double>(rows.rows[0].Int(0)));
    oldest_seconds_.Set(rows.rows[0].Int(0) == 0
                            ? 0
                            : absl::ToDoubleSeconds(clock_->CivilNow() - rows.rows[0].Time(1)));
    return absl::OkStatus();
  });
}

int CallWorker::Room() const {
  // Whoever waits longest finds out whether the partner is back; the others keep their turn.
  const int threads = out_of_reach_ >= kOutOfReachInARow ? 1 : options_.threads;
  return threads - static_cast<int>(held_.size());
}

void CallWorker::Fill(int room) {
  const absl::Time now = clock_->SecurityNow();
  auto claimed = Claim(room, kClaimDuration);
  if (!claimed.ok()) {
    log::Error("outward calls cannot be claimed",
               {{"kind", options_.kind}, {"status", claimed.status()}});
    return;
  }
  absl::MutexLock lock(&mutex_);
  // As many as there was room for: there may be more.
  if (static_cast<int>(claimed->size()) == room) woken_ = true;
  for (Claimed& one : *claimed) {
    held_.emplace(AttemptId(one.call.id, one.call.attempts),
                  Holding{now + kClaimRenewal, now + options_.attempt_timeout + kClaimMargin});
    queue_.push_back(std::move(one));
  }
}

void CallWorker::Dispatch() {
  absl::Time next_look = absl::Now() + options_.poll_interval;
  absl::Time next_report = absl::InfinitePast();
  for (;;) {
    int room = 0;
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stop_ ? held_.empty() : woken_ && Room() > 0;
      };
      const bool told = mutex_.AwaitWithTimeout(absl::Condition(&due),
                                                std::min(next_look - absl::Now(), kClaimRenewal));
      if (stop_ && held_.empty()) return;
      if (told || absl::Now() >= next_look) {
        next_look = absl::Now() + options_.poll_interval;
        woken_ = false;
        if (!stop_) room = Room();
      }
    }
    if (const absl::Status status = RenewClaims(); !status.ok()) {
      log::Error("claims of outward calls not renewed",
                 {{"kind", options_.kind}, {"status", status}});
    }
    // Counting costs as much as the backlog is long: not with every claim.
    if (absl::Now() >= next_report) {
      next_report = absl::Now() + options_.poll_interval;
      if (const absl::Status status = ReportBacklog(); !status.ok()) {
        log::Error("backlog of outward calls unknown",
                   {{"kind", options_.kind}, {"status", status}});
      }
    }
    // Whoever becomes idle says so.
    if (room > 0) Fill(room);
  }
}

void CallWorker::Work() {
  for (;;) {
    Claimed claimed;
    {
      absl::MutexLock lock(&mutex_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return drained_ || !queue_.empty();
      };
      mutex_.Await(absl::Condition(&ready));
      // What is claimed is made: nobody else may until the claim runs out.
      if (queue_.empty()) return;
      claimed = std::move(queue_.front());
      queue_.pop_front();
    }
    if (const absl::Status status = Attempt(claimed); !status.ok()) {
      log::Error("outcome of an outward call not recorded",
                 {{"kind", options_.kind}, {"subject", claimed.call.subject}, {"status", status}});
    }
    absl::MutexLock lock(&mutex_);
    // Of an outcome that is not recorded, too: it is made again when the claim has run out.
    held_.erase({claimed.call.id, claimed.call.attempts});
    // The next call of this subject may be due now.
    woken_ = true;
  }
}

}  // namespace lgsp::durable
