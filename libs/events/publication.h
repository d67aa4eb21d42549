// What a service that publishes runs: its feed, who gives the positions, and Kafka where there is
// one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libs/clock/clock.h"
#include "libs/events/feed_service.h"
#include "libs/events/kafka_producer.h"
#include "libs/events/sequencer.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

class Publication {
 public:
  // `source`: Event.source, `//dossiers.lgsp`. Without a topic events are told by the feed alone.
  Publication(sql::Database* db, const Clock* clock, metrics::Registry* metrics, std::string source,
              std::optional<KafkaTopic> topic)
      : feed_(db, source, metrics),
        producer_(topic.has_value()
                      ? std::make_unique<KafkaProducer>(db, clock, metrics, source, *topic)
                      : nullptr),
        sequencer_(db, clock, metrics, [this] { Told(); }) {}

  // Says that events may have been committed.
  void Notify() {
    sequencer_.Notify();
    Told();
  }
  FeedService& feed() { return feed_; }

 private:
  // Events may have come into the feed.
  void Told() {
    feed_.Notify();
    if (producer_ != nullptr) producer_->Notify();
  }

  FeedService feed_;
  const std::unique_ptr<KafkaProducer> producer_;
  // Last: it uses the others.
  Sequencer sequencer_;
};

}  // namespace lgsp::events
