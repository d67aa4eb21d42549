// The feed of a service, also produced to a Kafka topic. DESIGN.md section 5.
//
// One process at a time produces, by a lease. It reads the feed in order behind what has been
// produced, and that moves only when the brokers have acknowledged all of a batch: a kill repeats a
// batch at most and loses nothing. Two that both believe they have the lease do no harm either:
// each tells everything behind the same place in order, so of every event the first copy is in its
// place, and consumers drop the others.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/clock/clock.h"
#include "libs/events/kafka_client.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// Events that are on their way at once.
inline constexpr int kProductionBatch = 500;
// How long the others leave it to the process that produced last, which renews it when half is
// over.
inline constexpr absl::Duration kProductionLease = absl::Seconds(5);
// How often the feed is looked at when nobody says Notify.
inline constexpr absl::Duration kProductionPause = absl::Milliseconds(200);

// Metrics: events_produced_total, events_production_position, events_production_lag_seconds (age of
// the oldest event that is not acknowledged; 0 when all are, or another process produces),
// events_producer_leads. With the brokers away the feed goes on and the lag grows.
class KafkaProducer {
 public:
  // `source`: Event.source, `//dossiers.lgsp`. Begins at once.
  KafkaProducer(sql::Database* db, const Clock* clock, metrics::Registry* metrics,
                std::string source, KafkaTopic topic);
  ~KafkaProducer();  // gives its turn to the others; what is under way is told again

  // Says that events may have come into the feed.
  void Notify();

 private:
  void Run();
  // Produces what there is, while it is this process's turn.
  absl::Status Produce();
  absl::Status Connect();
  // Says how long the first event behind `after` has been waiting.
  absl::Status ShowLag(int64_t after);
  // True when this process is, or becomes, the one that produces; then `n` is how far it has been.
  absl::StatusOr<bool> TakeTurn(int64_t* n);
  absl::StatusOr<std::vector<lgsp::events::v1::FollowResponse>> ReadBehind(int64_t after,
                                                                           int limit);
  // One batch; answers how many were acknowledged, all or an error.
  absl::StatusOr<int64_t> ProduceBatch(int64_t after);
  absl::Status AwaitAcknowledgements(int64_t after, absl::Time oldest);
  absl::Status SaveProduced(int64_t n);
  void GiveUpTurn();
  bool Stopping();

  sql::Database* const db_;
  const Clock* const clock_;
  const std::string source_;
  const KafkaTopic topic_;
  const std::string owner_;
  metrics::Counter produced_;
  metrics::Gauge position_, lag_seconds_, leads_;

  // Used by the thread alone.
  KafkaClient client_;
  int64_t failed_deliveries_ = 0;

  absl::Mutex mutex_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lgsp::events
