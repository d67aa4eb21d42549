// What becomes of one event at its consumer, whatever transport brought it: its effect once, tried
// again, or its key parked.
#pragma once

#include <map>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/events/consumer.h"

namespace lgsp::events {

// So often an event is tried that fails for a reason that time does not cure; then its key is
// parked.
inline constexpr int kTriesBeforeParking = 3;

// How long to wait before the same is tried again: doubled from the first to the longest.
inline constexpr absl::Duration kFirstBackoff = absl::Milliseconds(200);
inline constexpr absl::Duration kLongestBackoff = absl::Seconds(10);
// How often a consumer that stopped for too many parked keys looks whether there is room.
inline constexpr absl::Duration kStoppedPause = absl::Seconds(2);

// The reason of the FAILED_PRECONDITION of a feed, or a topic, that is not the one followed so far.
inline constexpr char kEpochUnknown[] = "FEED_EPOCH_UNKNOWN";

// Keeps how far the consumer has come, in the transaction of the event.
using SaveProgress = absl::FunctionRef<absl::Status(sql::Transaction&)>;

// Progress in a feed: never back, so of two that follow for one consumer the later one counts.
absl::Status SavePosition(sql::Transaction& tx, absl::string_view consumer,
                          const lgsp::events::v1::Position& position);

absl::Time TimeOf(const lgsp::events::v1::Event& event);

// The effect of an event. DATA_LOSS EVENT_UNREADABLE for what is no event at all (it has no type).
absl::Status RunHandler(sql::Transaction& tx, const Handler& handler,
                        const lgsp::events::v1::Event& event);

// Applies one event in one transaction: claims it in the inbox, has its effect or joins it to its
// parked key, saves the progress. An event that was dealt with before only saves the progress.
absl::Status ApplyEvent(sql::Database& db, const Clock& clock, absl::string_view consumer,
                        const lgsp::events::v1::FollowResponse& response, const Handler& handler,
                        SaveProgress save_progress);
// The same with the event's position in the feed as the progress.
absl::Status ApplyEvent(sql::Database& db, const Clock& clock, absl::string_view consumer,
                        const lgsp::events::v1::FollowResponse& response, const Handler& handler);

// The deliveries of one consumer, with its metrics. Not thread-safe.
class Delivery {
 public:
  explicit Delivery(ConsumerParts parts);

  // OK when the event is dealt with. Otherwise it must be delivered again after a back-off, and
  // nothing that came behind it by the same way before it; EVENTS_TOO_MANY_PARKED: the consumer
  // must stop until an operator has made room.
  absl::Status Deliver(const lgsp::events::v1::FollowResponse& response,
                       SaveProgress save_progress);

  // What the transport says of itself.
  void Heard();
  // The time of the oldest event that is at hand, dealt with or not; also while it waits.
  void SetOldest(absl::Time event_time);
  void NothingToDo() { lag_seconds_.Set(0); }
  void SetPosition(const lgsp::events::v1::Position& position);
  void SetStopped(bool stopped) { stopped_.Set(stopped ? 1 : 0); }
  void SetMissing(bool missing) { missing_.Set(missing ? 1 : 0); }

  const std::string& name() const { return parts_.name; }
  sql::Database& db() const { return *parts_.db; }

 private:
  // Counts the failure; parks when it was one too many.
  absl::Status Fail(const lgsp::events::v1::FollowResponse& response, const absl::Status& failure,
                    SaveProgress save_progress);
  absl::Status ParkNow(const lgsp::events::v1::FollowResponse& response,
                       const absl::Status& failure, SaveProgress save_progress);

  const ConsumerParts parts_;
  metrics::Counter applied_, failed_, parked_;
  metrics::Gauge lag_seconds_, heard_time_seconds_, stopped_, missing_, position_;
  // Event id -> how often it failed for good: of those at hand.
  std::map<std::string, int> failures_;
};

}  // namespace lgsp::events
