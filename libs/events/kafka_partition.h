// One partition that a consumer reads, and what it waits for.
#pragma once

#include <librdkafka/rdkafka.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "libs/events/delivery.h"

namespace lgsp::events {

struct KafkaMessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, KafkaMessageDeleter>;

struct KafkaPartition {
  // The offset that comes next; nothing when that is not known.
  std::optional<int64_t> next;
  // Begun one record before `next`: that one must be known, else the partition is not the one that
  // was read so far.
  bool checks_last = false;
  // Behind what is held there is nothing more.
  bool end_follows = false;
  // All that is there was dealt with; when that was so last.
  bool at_end = false;
  absl::Time end_time = absl::InfinitePast();
  // The time of the event at hand.
  absl::Time oldest = absl::InfiniteFuture();
  // The record that failed and those that were on their way when the partition was paused.
  std::deque<KafkaMessage> held;
  // What it failed for: an event before it has not come.
  bool awaits_earlier = false;
  absl::Time retry_time;
  absl::Duration backoff = kFirstBackoff;
};

// By number.
using KafkaPartitions = std::map<int32_t, KafkaPartition>;

}  // namespace lgsp::events
