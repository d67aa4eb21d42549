#include "libs/events/kafka_client.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

constexpr size_t kErrorText = 512;
// How long an administrative call may take; it is tried again, and whoever stops waits for it.
constexpr int kAdminTimeoutMs = 3'000;
constexpr int kProbeTimeoutMs = 1'000;
// How often it is asked for while it is being made.
constexpr int kMetadataPauseMs = 50;
constexpr int64_t kMillisecondsPerHour = 3'600'000;
// syslog's WARNING: what librdkafka says below it is not for operators.
constexpr char kLogLevel[] = "4";

template <auto Destroy>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Destroy(object);
  }
};

absl::Status ConfigInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "KAFKA_CONFIG_INVALID", what);
}

void WriteLog(const rd_kafka_t* /*client*/, int /*level*/, const char* facility, const char* text) {
  // What a developer should know of the settings he chose.
  if (absl::string_view(facility) == "CONFWARN") return;
  log::Warning("kafka", {{"facility", facility}, {"text", text}});
}

KafkaSettings SecurityOf(const KafkaTopic& topic) {
  const KafkaConfig& config = topic.config;
  if (config.authority_file().empty()) return {};
  KafkaSettings settings = {
      {"security.protocol", "ssl"},
      {"ssl.ca.location", config::Resolve(topic.base, config.authority_file())}};
  if (!config.certificate_file().empty()) {
    settings.emplace_back("ssl.certificate.location",
                          config::Resolve(topic.base, config.certificate_file()));
    settings.emplace_back("ssl.key.location",
                          config::Resolve(topic.base, config.private_key_file()));
  }
  return settings;
}

absl::StatusOr<Topic> SettingsOf(const KafkaTopic& topic) {
  Topics topics;
  RETURN_IF_ERROR(config::Load(config::Resolve(topic.base, topic.config.topics_file()), &topics));
  for (const Topic& one : topics.topics()) {
    if (one.name() == topic.topic) return one;
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "TOPIC_UNKNOWN",
                   absl::StrCat(topic.config.topics_file(), " says nothing of ", topic.topic),
                   {{"topic", topic.topic}});
}

using MetadataPtr = std::unique_ptr<const rd_kafka_metadata_t, Deleter<&rd_kafka_metadata_destroy>>;

// Of one topic. A topic that is missing has no partitions.
absl::StatusOr<MetadataPtr> MetadataOf(rd_kafka_t* client, const std::string& topic) {
  const std::unique_ptr<rd_kafka_topic_t, Deleter<&rd_kafka_topic_destroy>> handle(
      rd_kafka_topic_new(client, topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t failed =
      rd_kafka_metadata(client, 0, handle.get(), &metadata, kAdminTimeoutMs);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError(failed, "metadata");
  return MetadataPtr(metadata);
}

// Whether the topic can be used.
bool HasTopic(const rd_kafka_metadata_t& metadata) {
  if (metadata.topic_cnt != 1 || metadata.topics[0].partition_cnt == 0) return false;
  const auto* first = metadata.topics[0].partitions;
  return std::all_of(first, first + metadata.topics[0].partition_cnt,
                     [](const auto& partition) { return partition.leader >= 0; });
}

// A development machine has one broker, and no other can hold a copy.
bool IsAlone(const KafkaTopic& topic, const rd_kafka_metadata_t& metadata) {
  return metadata.broker_cnt == 1 && !absl::StrContains(topic.config.brokers(), ',');
}

// Asks for the topic; answers when the brokers have agreed.
absl::Status CreateTopic(rd_kafka_t* client, const Topic& settings) {
  std::array<char, kErrorText> error = {};
  const std::unique_ptr<rd_kafka_NewTopic_t, Deleter<&rd_kafka_NewTopic_destroy>> topic(
      rd_kafka_NewTopic_new(settings.name().c_str(), settings.partitions(),
                            settings.replicas() == 0 ? -1 : settings.replicas(), error.data(),
                            error.size()));
  if (topic == nullptr) return ConfigInvalid(error.data());
  const std::string retention = absl::StrCat(settings.retention_hours() * kMillisecondsPerHour);
  rd_kafka_NewTopic_set_config(topic.get(), "retention.ms", retention.c_str());
  const std::string in_sync = absl::StrCat(settings.min_insync_replicas());
  if (settings.min_insync_replicas() > 0) {
    rd_kafka_NewTopic_set_config(topic.get(), "min.insync.replicas", in_sync.c_str());
  }
  const std::unique_ptr<rd_kafka_queue_t, Deleter<&rd_kafka_queue_destroy>> answers(
      rd_kafka_queue_new(client));
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  rd_kafka_CreateTopics(client, topics, 1, nullptr, answers.get());
  const std::unique_ptr<rd_kafka_event_t, Deleter<&rd_kafka_event_destroy>> answer(
      rd_kafka_queue_poll(answers.get(), kAdminTimeoutMs));
  if (answer == nullptr) return KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, "creating the topic");
  rd_kafka_resp_err_t code = rd_kafka_event_error(answer.get());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    size_t count = 0;
    const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(answer.get()), &count);
    if (count == 1) code = rd_kafka_topic_result_error(results[0]);
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    log::Info("topic made", {{"topic", settings.name()}, {"partitions", settings.partitions()}});
  } else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    return KafkaError(code, "creating the topic");
  }
  return absl::OkStatus();
}

using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                      Deleter<&rd_kafka_topic_partition_list_destroy>>;
PartitionList OnePartition(const std::string& topic, int32_t partition) {
  PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  return list;
}

std::string Text(const void* data, size_t size) {
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

}  // namespace

void KafkaDeleter::operator()(rd_kafka_s* client) const { rd_kafka_destroy(client); }

KafkaSettings KafkaConsumerSettings(const std::string& group, absl::Duration session_timeout) {
  return {{"group.id", group},
          {"partition.assignment.strategy", "cooperative-sticky"},
          {"session.timeout.ms", absl::StrCat(absl::ToInt64Milliseconds(session_timeout))},
          {"heartbeat.interval.ms", absl::StrCat(absl::ToInt64Milliseconds(session_timeout / 5))},
          // Offsets are in the database, with the effects: Kafka's own would be a second truth.
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"auto.offset.reset", "earliest"},
          {"enable.partition.eof", "true"},
          {"queued.max.messages.kbytes", kKafkaFetchedKilobytes},
          {"fetch.wait.max.ms", "200"}};
}

KafkaRecord RecordOf(const rd_kafka_message_s& message) {
  KafkaRecord record;
  record.key = Text(message.key, message.key_len);
  record.value = Text(message.payload, message.len);
  record.place =
      absl::StrCat(rd_kafka_topic_name(message.rkt), "/", message.partition, "/", message.offset);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    record.headers.emplace_back(name, Text(value, size));
  }
  return record;
}

absl::Status PausePartition(rd_kafka_s* client, const std::string& topic, int32_t partition,
                            bool paused) {
  const PartitionList list = OnePartition(topic, partition);
  const rd_kafka_resp_err_t failed = paused ? rd_kafka_pause_partitions(client, list.get())
                                            : rd_kafka_resume_partitions(client, list.get());
  return failed == RD_KAFKA_RESP_ERR_NO_ERROR ? absl::OkStatus() : KafkaError(failed, "pausing");
}

absl::Status SeekToBeginning(rd_kafka_s* client, const std::string& topic, int32_t partition) {
  const PartitionList list = OnePartition(topic, partition);
  list->elems[0].offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_error_t* error = rd_kafka_seek_partitions(client, list.get(), kAdminTimeoutMs);
  rd_kafka_resp_err_t failed = list->elems[0].err;
  if (error != nullptr) failed = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return failed == RD_KAFKA_RESP_ERR_NO_ERROR ? absl::OkStatus() : KafkaError(failed, "seeking");
}

absl::Time WrittenTime(const rd_kafka_message_s& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const int64_t milliseconds = rd_kafka_message_timestamp(&message, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? absl::Now()
                                                  : absl::FromUnixMillis(milliseconds);
}

bool IsReachable(rd_kafka_s* client, const KafkaTopic& topic) {
  int64_t low = 0, high = 0;
  return rd_kafka_query_watermark_offsets(client, topic.topic.c_str(), 0, &low, &high,
                                          kProbeTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void WarnOfPlaintext(const KafkaTopic& topic) {
  if (!topic.config.authority_file().empty()) return;
  log::Warning("kafka: connections are not encrypted and brokers not authenticated: authority_file",
               {{"topic", topic.topic}});
}

absl::Status KafkaError(int code, absl::string_view what) {
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  return MakeError(absl::StatusCode::kUnavailable, "KAFKA_FAILED",
                   absl::StrCat(what, ": ", rd_kafka_err2str(error)),
                   {{"error", rd_kafka_err2name(error)}});
}

absl::StatusOr<KafkaClient> MakeKafkaClient(bool consumer, const KafkaTopic& topic,
                                            const KafkaSettings& settings,
                                            void (*prepare)(rd_kafka_conf_s*, void* opaque),
                                            void* opaque) {
  std::array<char, kErrorText> error = {};
  std::unique_ptr<rd_kafka_conf_t, Deleter<&rd_kafka_conf_destroy>> conf(rd_kafka_conf_new());
  KafkaSettings all = {{"bootstrap.servers", topic.config.brokers()},
                       {"client.id", "lgsp"},
                       {"log_level", kLogLevel},
                       {"log.connection.close", "false"},
                       {"socket.keepalive.enable", "true"},
                       {"socket.nagle.disable", "true"},
                       {"allow.auto.create.topics", "false"},
                       {"reconnect.backoff.max.ms", "2000"}};
  for (const auto& list : {SecurityOf(topic), settings}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  for (const auto& [name, value] : all) {
    if (!consumer && name == "allow.auto.create.topics") continue;
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), error.data(), error.size()) !=
        RD_KAFKA_CONF_OK) {
      return ConfigInvalid(error.data());
    }
  }
  rd_kafka_conf_set_log_cb(conf.get(), WriteLog);
  rd_kafka_conf_set_opaque(conf.get(), opaque);
  prepare(conf.get(), opaque);
  rd_kafka_t* client = rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf.get(),
                                    error.data(), error.size());
  if (client == nullptr) return ConfigInvalid(error.data());
  conf.release();  // is the client's now
  return KafkaClient(client);
}

absl::Status EnsureTopic(rd_kafka_s* client, const KafkaTopic& topic) {
  ASSIGN_OR_RETURN(const MetadataPtr metadata, MetadataOf(client, topic.topic));
  if (HasTopic(*metadata)) return absl::OkStatus();
  ASSIGN_OR_RETURN(Topic settings, SettingsOf(topic));
  if (settings.replicas() > 1 && IsAlone(topic, *metadata)) {
    settings.set_replicas(1);
    settings.set_min_insync_replicas(1);
    log::Warning("kafka: the only broker has the only copy of the topic", {{"topic", topic.topic}});
  }
  RETURN_IF_ERROR(CreateTopic(client, settings));
  // Its partitions can be used a moment later.
  const std::unique_ptr<rd_kafka_queue_t, Deleter<&rd_kafka_queue_destroy>> nothing(
      rd_kafka_queue_new(client));
  absl::Status usable;
  for (int waited = 0; waited < kAdminTimeoutMs; waited += kMetadataPauseMs) {
    usable = IsTopicNew(client, topic).status();
    if (usable.ok()) break;
    rd_kafka_queue_poll(nothing.get(), kMetadataPauseMs);
  }
  return usable;
}

absl::StatusOr<bool> IsTopicNew(rd_kafka_s* client, const KafkaTopic& topic) {
  ASSIGN_OR_RETURN(const MetadataPtr metadata, MetadataOf(client, topic.topic));
  if (!HasTopic(*metadata)) {
    return KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, topic.topic);
  }
  for (int i = 0; i < metadata->topics[0].partition_cnt; ++i) {
    int64_t low = 0, high = 0;
    const rd_kafka_resp_err_t failed = rd_kafka_query_watermark_offsets(
        client, topic.topic.c_str(), metadata->topics[0].partitions[i].id, &low, &high,
        kAdminTimeoutMs);
    if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError(failed, "offsets of the topic");
    if (high > 0) return false;
  }
  return true;
}

}  // namespace lgsp::events
