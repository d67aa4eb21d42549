// Following the feed of another service: every event has its effect once. DESIGN.md section 5.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/clock/clock.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// The effect of one event, in the transaction that also keeps the position. May be run again after
// a failure.
using Handler = std::function<absl::Status(sql::Transaction&, const lgsp::events::v1::Event&)>;

// Applies one event in one transaction: claims it in the inbox, has its effect, moves the position.
// An event that was dealt with before only moves the position.
absl::Status ApplyEvent(sql::Database& db, const Clock& clock, absl::string_view consumer,
                        const lgsp::events::v1::FollowResponse& response, const Handler& handler);

// How far `consumer` has come; (0, 0) at the beginning.
absl::StatusOr<lgsp::events::v1::Position> ConsumerPosition(sql::Transaction& tx,
                                                            absl::string_view consumer);

// A consumer with its own thread. A failing event is tried again with back-off and the events
// behind it wait: lag is what alerts (metric events_consumer_lag_seconds), and a feed that is not
// heard of (events_consumer_heard_time_seconds). An unknown epoch stops the consumer
// (events_consumer_stopped).
class Consumer {
 public:
  Consumer(std::string name, std::shared_ptr<grpc::Channel> channel, sql::Database* db,
           const Clock* clock, metrics::Registry* metrics, Handler handler);
  ~Consumer();  // waits for the event at hand

  // Begins to follow. Call once.
  void Start();

 private:
  void Run();
  // One stream, until it breaks. `got_on`: something came and was dealt with.
  absl::Status FollowOnce(bool* got_on);
  absl::Status Handle(const lgsp::events::v1::FollowResponse& response);
  bool WaitOrStop(absl::Duration duration);

  const std::string name_;
  const std::shared_ptr<grpc::Channel> channel_;
  sql::Database* const db_;
  const Clock* const clock_;
  const Handler handler_;
  metrics::Counter applied_, failed_;
  metrics::Gauge lag_seconds_, heard_time_seconds_, stopped_, position_;

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace lgsp::events
