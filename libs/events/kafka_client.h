// What producer and consumer share of librdkafka: a client made from a configuration, errors,
// topics. Only libs/events includes this.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/events/config.pb.h"
#include "libs/events/kafka_record.h"
#include "libs/events/topics.pb.h"

struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_message_s;

namespace lgsp::events {

// Ends the client: what it had not sent is lost to it.
struct KafkaDeleter {
  void operator()(rd_kafka_s* client) const;
};
using KafkaClient = std::unique_ptr<rd_kafka_s, KafkaDeleter>;

// A topic at a service's Kafka.
struct KafkaTopic {
  KafkaConfig config;
  // The folder that paths in `config` are beneath.
  std::string base;
  // `lgsp.dossiers.v1`
  std::string topic;
};

// Names of librdkafka's settings, and their values.
using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

// A producer or a consumer. `prepare` sets callbacks. INVALID_ARGUMENT KAFKA_CONFIG_INVALID.
absl::StatusOr<KafkaClient> MakeKafkaClient(bool consumer, const KafkaTopic& topic,
                                            const KafkaSettings& settings,
                                            void (*prepare)(rd_kafka_conf_s*, void* opaque),
                                            void* opaque);

// What a consumer fetches ahead, of all partitions together.
inline constexpr char kKafkaFetchedKilobytes[] = "4096";

// Of a consumer whose offsets are not kept in Kafka.
KafkaSettings KafkaConsumerSettings(const std::string& group, absl::Duration session_timeout);

// A record as it came.
KafkaRecord RecordOf(const rd_kafka_message_s& message);

// Keeps a partition from being fetched, or lets it again. UNAVAILABLE KAFKA_FAILED.
absl::Status PausePartition(rd_kafka_s* client, const std::string& topic, int32_t partition,
                            bool paused);

// Reads a partition that is assigned from its beginning. UNAVAILABLE KAFKA_FAILED.
absl::Status SeekToBeginning(rd_kafka_s* client, const std::string& topic, int32_t partition);

// When the record was written, as the brokers say.
absl::Time WrittenTime(const rd_kafka_message_s& message);

// Whether the leader of the first partition answers.
bool IsReachable(rd_kafka_s* client, const KafkaTopic& topic);

// Says in the log that connections are not encrypted, when they are not.
void WarnOfPlaintext(const KafkaTopic& topic);

// UNAVAILABLE KAFKA_FAILED with librdkafka's words for the error code and `what` failed.
absl::Status KafkaError(int code, absl::string_view what);

// Makes the topic when it is missing, as topics_file says; at a broker that is alone, by the
// configuration and by its own word, with one replica. INVALID_ARGUMENT TOPIC_UNKNOWN (not in
// that file) and those of config::Load; UNAVAILABLE KAFKA_FAILED.
absl::Status EnsureTopic(rd_kafka_s* client, const KafkaTopic& topic);

// Whether nothing has ever been written to the topic. UNAVAILABLE KAFKA_FAILED.
absl::StatusOr<bool> IsTopicNew(rd_kafka_s* client, const KafkaTopic& topic);

}  // namespace lgsp::events
