// What the tests at a real Kafka share: a client that is not ours, and what they ask of a
// publisher.
#pragma once

#include <librdkafka/rdkafka.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"

namespace lgsp::events {

// A client of Kafka that shares nothing with ours but the library.
class Foreign {
 public:
  explicit Foreign(const KafkaTopic& topic, bool consumer) : topic_(topic) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char error[256];
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"bootstrap.servers", topic.config.brokers()},
             {"group.id", "foreign"},
             {"auto.offset.reset", "earliest"}}) {
      REQUIRE(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) ==
              RD_KAFKA_CONF_OK);
    }
    client_ =
        rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    REQUIRE(client_ != nullptr);
  }
  ~Foreign() { rd_kafka_destroy(client_); }

  struct Record {
    int partition;
    std::string key, value;
    std::map<std::string, std::string> headers;
  };
  // The first `n` records of all `partitions`.
  std::vector<Record> Read(int n, int partitions) {
    rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; ++i) {
      rd_kafka_topic_partition_list_add(all, topic_.topic.c_str(), i)->offset =
          RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(client_, all);
    rd_kafka_topic_partition_list_destroy(all);
    std::vector<Record> records;
    REQUIRE(sql::Eventually([&] {
      rd_kafka_message_t* message = rd_kafka_consumer_poll(client_, 100);
      if (message == nullptr) return false;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) records.push_back(Copy(*message));
      rd_kafka_message_destroy(message);
      return static_cast<int>(records.size()) == n;
    }));
    return records;
  }
  void Write(int partition, const std::string& key, const std::string& value) {
    REQUIRE(rd_kafka_producev(
                client_, RD_KAFKA_V_TOPIC(topic_.topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data(), key.size()),
                RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    REQUIRE(rd_kafka_flush(client_, 30'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // As retention does it.
  void DeleteBefore(int partition, int64_t offset) {
    rd_kafka_topic_partition_list_t* before = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(before, topic_.topic.c_str(), partition)->offset = offset;
    rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(before);
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client_);
    rd_kafka_DeleteRecords(client_, &request, 1, nullptr, queue);
    rd_kafka_event_t* answer = rd_kafka_queue_poll(queue, 30'000);
    REQUIRE(answer != nullptr);
    REQUIRE(rd_kafka_event_error(answer) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(before);
  }
  void DeleteTopic() {
    rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic_.topic.c_str());
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client_);
    rd_kafka_DeleteTopics(client_, &request, 1, nullptr, queue);
    rd_kafka_event_t* answer = rd_kafka_queue_poll(queue, 30'000);
    REQUIRE(answer != nullptr);
    REQUIRE(rd_kafka_event_error(answer) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy(request);
  }
  // A setting of the topic as the brokers have it.
  std::string Setting(const std::string& name) {
    rd_kafka_ConfigResource_t* resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic_.topic.c_str());
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client_);
    rd_kafka_DescribeConfigs(client_, &resource, 1, nullptr, queue);
    rd_kafka_event_t* answer = rd_kafka_queue_poll(queue, 30'000);
    REQUIRE(answer != nullptr);
    REQUIRE(rd_kafka_event_error(answer) == RD_KAFKA_RESP_ERR_NO_ERROR);
    size_t count = 0;
    const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(answer), &count);
    REQUIRE(count == 1);
    const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    std::string value;
    for (size_t i = 0; i < count; ++i) {
      if (rd_kafka_ConfigEntry_name(entries[i]) == name) {
        value = rd_kafka_ConfigEntry_value(entries[i]);
      }
    }
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
    return value;
  }
  int Partitions() {
    const rd_kafka_metadata_t* metadata = nullptr;
    REQUIRE(rd_kafka_metadata(client_, 1, nullptr, &metadata, 30'000) ==
            RD_KAFKA_RESP_ERR_NO_ERROR);
    int partitions = 0;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      if (metadata->topics[i].topic == topic_.topic) partitions = metadata->topics[i].partition_cnt;
    }
    rd_kafka_metadata_destroy(metadata);
    return partitions;
  }
  int64_t High(int partition) {
    int64_t low = 0, high = 0;
    REQUIRE(rd_kafka_query_watermark_offsets(client_, topic_.topic.c_str(), partition, &low, &high,
                                             30'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    return high;
  }

 private:
  static Record Copy(const rd_kafka_message_t& message) {
    Record record = {message.partition,
                     std::string(static_cast<const char*>(message.key), message.key_len),
                     std::string(static_cast<const char*>(message.payload), message.len),
                     {}};
    rd_kafka_headers_t* headers = nullptr;
    rd_kafka_message_headers(&message, &headers);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0;
         headers != nullptr &&
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      record.headers[name] = std::string(static_cast<const char*>(value), size);
    }
    return record;
  }

  const KafkaTopic topic_;
  rd_kafka_t* client_;
};

// Whether all of the feed has been acknowledged.
inline bool Produced(Publisher& publisher) {
  return sql::Eventually([&] {
    return sql::ReadInt(publisher.db(), "SELECT n FROM feed_production") ==
               sql::ReadInt(publisher.db(), "SELECT COALESCE(MAX(position), 0) FROM feed") &&
           sql::ReadInt(publisher.db(), "SELECT COUNT(*) FROM outbox") == 0;
  });
}

inline std::string Subject(int i) { return absl::StrCat("dossiers/", i); }

}  // namespace lgsp::events
