// A consumer of a Kafka topic (kafka_producer.h), one of a group that shares its partitions.
//
// Where it reads on is kept in its database with the effect of each event, and nothing in Kafka
// (the lag is events_consumer_lag_seconds). A key is always in the same partition, and a partition
// with one process of the group, so the events of a key come in order; what comes twice is dropped
// by the inbox. An event that fails keeps its partition waiting, not the others. Events that the
// topic no longer has (the consumer was away for longer than the topic keeps, or brokers lost what
// they had acknowledged) are noticed by their positions in the feed: metric events_missing is 1,
// with KAFKA_EVENTS_MISSING in the log, until the consumer has got them from the feed. A partition
// that begins behind them waits. Of a topic that was lost and made again all is read again. Events
// of another life of the feed than the one followed are passed by (kafka_progress.h).
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "libs/events/consumer.h"
#include "libs/events/kafka_client.h"
#include "libs/events/kafka_progress.h"

namespace lgsp::events {

// After so long without a sign of life another process of the group takes over.
inline constexpr absl::Duration kSessionTimeout = absl::Seconds(10);

class KafkaConsumer final : public Consumer {
 public:
  // `group`: the name that the processes of one service share, `lgsp.insights`.
  // `epoch_source`: asked before the first event, and when an event has another epoch.
  KafkaConsumer(ConsumerParts parts, KafkaTopic topic, std::string group, EpochSource epoch_source,
                absl::Duration session_timeout = kSessionTimeout);
  ~KafkaConsumer() override;

  void Start() override;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace lgsp::events
