// Following the events of another service: every event has its effect once. DESIGN.md section 5.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/clock/clock.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// The effect of one event, in the transaction that also keeps how far the consumer has come. May be
// run again after a failure. UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED and RESOURCE_EXHAUSTED are
// tried again without end; any other failure parks the key of the event (parked.h).
using Handler = std::function<absl::Status(sql::Transaction&, const lgsp::events::v1::Event&)>;

// What a consumer is made of, whatever brings it the events. `name` is the one in its database and
// in metrics.
struct ConsumerParts {
  std::string name;
  sql::Database* db;
  const Clock* clock;
  metrics::Registry* metrics;
  Handler handler;
};

// A consumer with its own thread: feed_consumer.h, kafka_consumer.h.
//
// What fails and may succeed later is tried again with back-off, and what is behind it waits: lag
// is what alerts (metric events_consumer_lag_seconds), and a transport that is not heard of
// (events_consumer_heard_time_seconds). An unknown epoch, or more parked keys than may be, stop the
// consumer (events_consumer_stopped). Events that its transport has lost are said by
// events_missing.
class Consumer {
 public:
  virtual ~Consumer() = default;  // waits for the event at hand

  // Begins to follow. Call once.
  virtual void Start() = 0;
};

// How far `consumer` has come: everything up to there has been dealt with. (0, 0) at the beginning.
absl::StatusOr<lgsp::events::v1::Position> ConsumerPosition(sql::Transaction& tx,
                                                            absl::string_view consumer);

}  // namespace lgsp::events
