#include "libs/events/sequencer.h"

#include <utility>

#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::events {

Sequencer::Sequencer(sql::Database* db, const Clock* clock, metrics::Registry* metrics,
                     std::function<void()> moved)
    : db_(db),
      clock_(clock),
      moved_(std::move(moved)),
      owner_(NewUuid(*clock)),
      moved_total_(metrics->GetCounter("events_sequenced_total", "Events that got a position.")),
      leads_(metrics->GetGauge("events_sequencer_leads",
                               "1: this process gives the positions; 0: another one does.")) {
  if (db->engine() == sql::Database::Engine::kPostgres) thread_ = std::thread([this] { Run(); });
}

Sequencer::~Sequencer() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (!thread_.joinable()) return;
  thread_.join();
  // The next one need not wait for the end of the lease. Should this fail, it waits.
  const absl::Status given_up = db_->Run([&](sql::Transaction& tx) {
    return tx
        .Execute("UPDATE feed_sequencer SET lease_until = 0 WHERE one = 1 AND owner = :me",
                 {{"me", owner_}})
        .status();
  });
  if (!given_up.ok()) log::Warning("sequencer's turn not given up", {{"status", given_up}});
}

void Sequencer::Notify() {
  absl::MutexLock lock(&mutex_);
  notified_ = true;
}

void Sequencer::Run() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || notified_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), kSequencerPause);
      if (stop_) return;
      notified_ = false;
    }
    const absl::StatusOr<int64_t> count = MoveOnce();
    if (!count.ok()) {
      log::Error("events got no position", {{"status", count.status()}});
      continue;
    }
    if (*count > 0) moved_();
    // There may be more.
    if (*count == kSequencerBatch) Notify();
  }
}

absl::StatusOr<bool> Sequencer::TakeTurn(sql::Transaction& tx) {
  const absl::Time now = clock_->SecurityNow();
  ASSIGN_OR_RETURN(const sql::Result taken,
                   tx.Execute("UPDATE feed_sequencer SET owner = :me, lease_until = :until "
                              "WHERE one = 1 AND (owner = :me OR lease_until < :now)",
                              {{"me", owner_}, {"until", now + kSequencerLease}, {"now", now}}));
  return taken.changed == 1;
}

absl::StatusOr<bool> Sequencer::HasToWrite(bool* leads) {
  bool writes = false;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const sql::Result found,
                     tx.Execute("SELECT owner, lease_until, (SELECT COUNT(*) FROM (SELECT id FROM "
                                "outbox LIMIT 1) AS waiting) FROM feed_sequencer WHERE one = 1"));
    const sql::Row& row = found.rows.at(0);
    const absl::Time now = clock_->SecurityNow();
    *leads = row.Text(0) == owner_;
    writes = *leads ? row.Int(2) > 0 || row.Time(1) < now + kSequencerLease / 2 : row.Time(1) < now;
    return absl::OkStatus();
  }));
  return writes;
}

absl::StatusOr<int64_t> Sequencer::MoveOnce() {
  bool leads = false;
  int64_t count = 0;
  ASSIGN_OR_RETURN(const bool writes, HasToWrite(&leads));
  if (!writes) {
    leads_.Set(leads ? 1 : 0);
    return 0;
  }
  RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(leads, TakeTurn(tx));
    count = 0;
    if (!leads) return absl::OkStatus();
    // Its own statement, so that it sees all that was committed when the row was locked.
    ASSIGN_OR_RETURN(
        const sql::Result moved,
        tx.Execute(
            "WITH moved AS (DELETE FROM outbox WHERE id IN "
            "(SELECT id FROM outbox ORDER BY revision, id LIMIT :limit) RETURNING id, "
            "aggregatetype, aggregateid, type, payload, revision, time, audience, traceparent) "
            "INSERT INTO feed (position, id, aggregatetype, aggregateid, type, payload, revision, "
            "time, audience, traceparent) SELECT (SELECT COALESCE(MAX(position), 0) FROM feed) + "
            "ROW_NUMBER() OVER (ORDER BY revision, id), id, aggregatetype, aggregateid, type, "
            "payload, revision, time, audience, traceparent FROM moved",
            {{"limit", kSequencerBatch}}));
    count = moved.changed;
    return absl::OkStatus();
  }));
  leads_.Set(leads ? 1 : 0);
  moved_total_.Add(static_cast<double>(count));
  return count;
}

}  // namespace lgsp::events
