// How far a consumer of partitions has come in the feed that they are made from, and whether
// something is missing on the way.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/events/delivery.h"
#include "libs/events/kafka_partition.h"

namespace lgsp::events {

// Asks the publisher for the epoch of its feed (FeedEpoch of feed_consumer.h).
using EpochSource = std::function<absl::StatusOr<uint64_t>()>;

// The reason of the UNAVAILABLE with which an event waits for one before it.
inline constexpr char kEventsMissing[] = "KAFKA_EVENTS_MISSING";

// Positions have no gaps, whatever partitions events come by. So what is not in the inbox while
// later events are is on its way, or lost: lost it is when the position has not moved for
// `patience` and everything that this process may read has been read since. Not thread-safe.
class KafkaProgress {
 public:
  // `patience`: longer than the partitions of a process that died have no reader.
  KafkaProgress(Delivery* delivery, EpochSource epoch_source, absl::Duration patience);

  // A consumer that has followed nothing yet takes the epoch from the feed: a topic may begin with
  // events of an earlier life of it.
  absl::Status Begin();

  // Whether the event is of another life of the feed than the one that is followed and that the
  // feed still has. FAILED_PRECONDITION FEED_EPOCH_UNKNOWN when the feed has another one by now.
  absl::StatusOr<bool> IsOfAnotherEpoch(const lgsp::events::v1::FollowResponse& response);

  // UNAVAILABLE KAFKA_EVENTS_MISSING when an event before this one has not come.
  absl::Status CheckEarlier(const lgsp::events::v1::FollowResponse& response);

  // Events were dealt with.
  void SetBehind() { behind_ = true; }
  // Moves the position when it is time to; then says whether something is missing.
  void MoveWhenDue(const KafkaPartitions& partitions);
  absl::Status Move();

 private:
  void Judge(const KafkaPartitions& partitions);

  Delivery* const delivery_;
  const EpochSource epoch_source_;
  const absl::Duration patience_;

  uint64_t epoch_ = 0;
  // Until then what the feed said of its epoch holds.
  absl::Time epoch_asked_until_ = absl::InfinitePast();
  bool behind_ = true;
  absl::Time move_time_ = absl::InfinitePast();
  uint64_t n_ = 0;
  bool hole_ = false, missing_ = false;
  // Since when the position has stood before a gap, and where.
  absl::Time gap_since_ = absl::InfiniteFuture();
  uint64_t gap_n_ = 0;
};

}  // namespace lgsp::events
