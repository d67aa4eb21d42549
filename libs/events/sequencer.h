// Giving events their positions where several processes write at once (PostgreSQL). DESIGN.md
// section 5.
//
// A sequence value or a transaction id is not commit order: a reader could see 8 before 7. So a
// writer only adds to `outbox`, and one sequencer at a time moves what is committed to `feed`, in
// one transaction per batch, behind the lock of one row: positions grow with commits, without gaps.
// Of one aggregate the lower revision goes first; its transaction ended before that of the higher
// one began to save.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// Events moved in one transaction.
inline constexpr int kSequencerBatch = 500;
// How long the others leave it to the process that moved last; after its death another takes over.
// Positions do not depend on it, nor on the clocks of hosts agreeing.
inline constexpr absl::Duration kSequencerLease = absl::Seconds(5);
// How often the outbox is looked at when nobody says Notify: other processes write to it too.
inline constexpr absl::Duration kSequencerPause = absl::Milliseconds(100);

// The sequencer of one database. On SQLite it has nothing to do: the writer gives the positions.
class Sequencer {
 public:
  // `moved` is called after events have come into the feed.
  Sequencer(sql::Database* db, const Clock* clock, metrics::Registry* metrics,
            std::function<void()> moved);
  ~Sequencer();  // waits for the batch at hand and gives its turn to the others

  // Says that events may have been committed.
  void Notify();

  // Moves one batch, if it is this process's turn; says how many.
  absl::StatusOr<int64_t> MoveOnce();

 private:
  void Run();
  // Whether there is work for this process, or its turn, a half of which is over, is to be renewed.
  absl::StatusOr<bool> HasToWrite(bool* leads);
  // True when this process is, or becomes, the one that moves; the row is locked then.
  absl::StatusOr<bool> TakeTurn(sql::Transaction& tx);

  sql::Database* const db_;
  const Clock* const clock_;
  const std::function<void()> moved_;
  const std::string owner_;
  metrics::Counter moved_total_;
  metrics::Gauge leads_;

  absl::Mutex mutex_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lgsp::events
