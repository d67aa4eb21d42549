// Producer and consumers at a real Apache Kafka, with what goes wrong there.
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/events/kafka_consumer.h"
#include "libs/events/offsets.h"
#include "libs/events/parked.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Event;
using sql::Eventually;
using sql::kBothEngines;
using sql::ReadInt;
using Engine = sql::Database::Engine;

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
    REQUIRE(Eventually([&] {
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

double ProducerMetric(Publisher& publisher, absl::string_view name) {
  return testing::MetricValue(publisher.platform().metrics(), name);
}

// Whether all of the feed has been acknowledged.
bool Produced(Publisher& publisher) {
  return Eventually([&] {
    return ReadInt(publisher.db(), "SELECT n FROM feed_production") ==
               ReadInt(publisher.db(), "SELECT COALESCE(MAX(position), 0) FROM feed") &&
           ReadInt(publisher.db(), "SELECT COUNT(*) FROM outbox") == 0;
  });
}

std::string Subject(int i) { return absl::StrCat("dossiers/", i); }

TEST_CASE("kafka: records are what other clients expect") {
  const char* const version = GENERATE(kOldKafka, kNewKafka);
  const KafkaTopic topic = KafkaBroker::Shared(version).NewTopic(7);
  Publisher publisher({}, 0, "", Engine::kSqlite, topic);
  // Java's Utils.murmur2 of each key, as its own tests have them.
  const std::map<std::string, int32_t> hashes = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107}};
  for (const auto& [key, hash] : hashes) publisher.Publish({{key, 1, {"H12.01", "H12.02"}}});
  const auto records = Foreign(topic, true).Read(static_cast<int>(hashes.size()), 7);
  for (const auto& record : records) {
    INFO(record.key);
    REQUIRE(hashes.count(record.key) == 1);
    CHECK(record.partition == (hashes.at(record.key) & 0x7fffffff) % 7);
    CHECK(record.value == absl::StrCat(R"({"dossier":")", record.key, R"("})"));
    CHECK(record.headers.at("content-type") == "application/json");
    CHECK(record.headers.at("ce_specversion") == "1.0");
    CHECK(record.headers.at("ce_type") == "lgsp.dossiers.v1.DossierSubmitted");
    CHECK(record.headers.at("ce_source") == kSource);
    CHECK(record.headers.at("ce_subject") == record.key);
    CHECK(record.headers.at("ce_id").size() == 36);
    CHECK(record.headers.at("ce_time") == "2030-03-17T17:46:40Z");
    CHECK(record.headers.at("ce_audience") == "H12.01 H12.02");
  }
}

TEST_CASE("kafka: a topic is made as the file says, once; one the file does not know is not made") {
  KafkaBroker& broker = KafkaBroker::Shared(GENERATE(kOldKafka, kNewKafka));
  KafkaTopic topic = broker.NewTopic(5);
  Foreign foreign(topic, false);
  const auto client = MakeKafkaClient(false, topic, {}, [](rd_kafka_conf_t*, void*) {}, nullptr);
  REQUIRE(client.ok());
  REQUIRE(EnsureTopic(client->get(), topic).ok());
  CHECK(foreign.Partitions() == 5);
  CHECK(foreign.Setting("retention.ms") == "604800000");
  CHECK(IsTopicNew(client->get(), topic).value());
  foreign.Write(3, "key", "value");
  CHECK_FALSE(IsTopicNew(client->get(), topic).value());
  // One that is there is left as it is, whatever the file says by now.
  topic.config.set_topics_file("none");
  CHECK(EnsureTopic(client->get(), topic).ok());
  KafkaTopic unknown = broker.NewTopic();
  unknown.topic = "lgsp.unknown.v1";
  CHECK(ErrorReason(EnsureTopic(client->get(), unknown)) == "TOPIC_UNKNOWN");
  CHECK(Foreign(unknown, false).Partitions() == 0);
}

TEST_CASE("kafka: the brokers die and come back under load; nothing is lost or doubled") {
  const Transport transport =
      GENERATE(Transport{Engine::kSqlite, kNewKafka}, Transport{Engine::kPostgres, kOldKafka});
  KafkaBroker& broker = KafkaBroker::Shared(transport.kafka);
  Publisher publisher({}, 0, "", transport.engine, broker.NewTopic());
  Inbox inbox(transport.engine);
  Ledger ledger(inbox);
  constexpr int kSubjects = 20, kRounds = 40, kKills = 2;
  const RunningConsumer consumer(publisher, inbox, Ledger::Effect);
  sql::Crowd teller(1, [&](int) -> absl::Status {
    for (int round = 1; round <= kRounds; ++round) {
      const absl::Status status = publisher.db().Run([&](sql::Transaction& tx) -> absl::Status {
        for (int i = 0; i < kSubjects; ++i) {
          RETURN_IF_ERROR(publisher.Add(tx, {Subject(i), round}));
        }
        return absl::OkStatus();
      });
      if (!status.ok()) return status;
      publisher.Notify();
      // At its half it waits for the consumer, so that the brokers die in the middle.
      if (round == kRounds / 2 && !Eventually([&] { return ledger.Count() > 0; })) {
        return absl::DeadlineExceededError("nothing consumed");
      }
    }
    return absl::OkStatus();
  });
  for (int kill = 0; kill < kKills; ++kill) {
    const int64_t before = ledger.Count();
    REQUIRE(Eventually(
        [&] { return ledger.Count() > before || ledger.Count() == kSubjects * kRounds; }));
    broker.Kill();
    // The feed takes events while the brokers are away.
    publisher.Publish({{absl::StrCat("kill/", kill), 1}});
    broker.Start();
  }
  CHECK(teller.Join()[0].ok());
  CHECK(Eventually([&] { return ledger.Count() == kSubjects * kRounds + kKills; }));
  CHECK(ReadInt(*inbox.db, "SELECT COUNT(*) FROM ledger WHERE wrong <> 0") == 0);
  CHECK(ReadInt(*inbox.db, "SELECT COUNT(*) FROM ledger WHERE events = 40 AND revision = 40") ==
        kSubjects);
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == kSubjects * kRounds + kKills; }));
}

TEST_CASE("kafka: with the brokers away the feed goes on, and the lag shows") {
  KafkaBroker& broker = KafkaBroker::Shared(kNewKafka);
  Publisher publisher({}, 0, "", Engine::kSqlite, broker.NewTopic());
  publisher.PublishMany("dossiers/a", 3);
  REQUIRE(Produced(publisher));
  CHECK(ProducerMetric(publisher, "events_producer_leads") == 1);
  CHECK(ProducerMetric(publisher, "events_produced_total") == 3);
  CHECK(Eventually([&] {
    return ProducerMetric(publisher, "events_production_lag_seconds") == 0 &&
           ProducerMetric(publisher, "events_production_position") == 3;
  }));
  broker.Kill();
  publisher.PublishMany("dossiers/a", 4, 0, 4);
  publisher.clock().Advance(absl::Seconds(70));
  Follower follower(publisher.ChannelOf("insights"));
  CHECK(follower.Events(7) == Range("dossiers/a", 1, 7));
  CHECK(
      Eventually([&] { return ProducerMetric(publisher, "events_production_lag_seconds") == 70; }));
  CHECK(ReadInt(publisher.db(), "SELECT n FROM feed_production") == 3);
  broker.Start();
  REQUIRE(Produced(publisher));
  CHECK(
      Eventually([&] { return ProducerMetric(publisher, "events_production_lag_seconds") == 0; }));
  Inbox inbox;
  const RunningConsumer consumer(publisher, inbox);
  REQUIRE(Eventually([&] { return inbox.Count() == 7; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 7));
}

TEST_CASE("kafka: processes of a group come and go under load; every effect once and in order") {
  const Transport transport =
      GENERATE(Transport{Engine::kSqlite, kOldKafka}, Transport{Engine::kPostgres, kNewKafka});
  Publisher publisher({}, 0, "", transport.engine,
                      KafkaBroker::Shared(transport.kafka).NewTopic(6));
  Inbox inbox(transport.engine);
  Ledger ledger(inbox);
  const auto other_db = inbox.db.OpenAnother();
  constexpr int kSubjects = 30, kRounds = 60;
  std::atomic<bool> told = false;
  std::atomic<int> by_one = 0, by_other = 0;
  const auto counting = [](std::atomic<int>& count) -> Handler {
    return [&count](sql::Transaction& tx, const Event& event) {
      ++count;
      return Ledger::Effect(tx, event);
    };
  };
  sql::Crowd teller(1, [&](int) -> absl::Status {
    for (int round = 1; round <= kRounds; ++round) {
      const absl::Status status = publisher.db().Run([&](sql::Transaction& tx) -> absl::Status {
        for (int i = 0; i < kSubjects; ++i) {
          RETURN_IF_ERROR(publisher.Add(tx, {Subject(i), round}));
        }
        return absl::OkStatus();
      });
      if (!status.ok()) return status;
      publisher.Notify();
    }
    told = true;
    return absl::OkStatus();
  });
  {
    const RunningConsumer one(publisher, inbox, counting(by_one));
    REQUIRE(Eventually([&] { return by_one > 0; }));
    for (int i = 0; i < 2; ++i) {
      const RunningConsumer other(publisher, inbox, counting(by_other), other_db.get());
      const int before = by_other;
      publisher.Publish({{absl::StrCat("late/", i), 1}});
      REQUIRE(
          Eventually([&] { return by_other > before || ledger.Count() >= kSubjects * kRounds; }));
    }
  }
  const RunningConsumer last(publisher, inbox, counting(by_one));
  CHECK(teller.Join()[0].ok());
  CHECK(Eventually([&] { return ledger.Count() == kSubjects * kRounds + 2; }));
  CHECK(ReadInt(*inbox.db, "SELECT COUNT(*) FROM ledger WHERE wrong <> 0") == 0);
  CHECK(ReadInt(*inbox.db, "SELECT COUNT(*) FROM ledger WHERE events = 60 AND revision = 60") ==
        kSubjects);
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == kSubjects * kRounds + 2; }));
}

TEST_CASE("kafka: two processes of a group share the work") {
  Publisher publisher({}, 0, "", Engine::kPostgres, KafkaBroker::Shared(kNewKafka).NewTopic(6));
  Inbox inbox(Engine::kPostgres);
  Ledger ledger(inbox);
  const auto other_db = inbox.db.OpenAnother();
  std::atomic<int> by_one = 0, by_other = 0;
  const RunningConsumer one(publisher, inbox, [&](sql::Transaction& tx, const Event& event) {
    ++by_one;
    return Ledger::Effect(tx, event);
  });
  const RunningConsumer other(
      publisher, inbox,
      [&](sql::Transaction& tx, const Event& event) {
        ++by_other;
        return Ledger::Effect(tx, event);
      },
      other_db.get());
  int round = 0;
  REQUIRE(Eventually([&] {
    ++round;
    for (int i = 0; i < 12; ++i) publisher.Publish({{Subject(i), round}});
    return by_one > 0 && by_other > 0;
  }));
  CHECK(Eventually([&] { return ledger.Count() == 12 * round; }));
  CHECK(ledger.Wrong(round).empty());
}

TEST_CASE("kafka: a producer that died tells its last events again; consumers drop them") {
  Publisher publisher({}, 0, "", GENERATE(from_range(kBothEngines)),
                      KafkaBroker::Shared(kNewKafka).NewTopic());
  Inbox inbox;
  Ledger ledger(inbox);
  for (int i = 0; i < 5; ++i) publisher.PublishMany(Subject(i), 20);
  REQUIRE(Produced(publisher));
  publisher.Stop();
  // As if it had died after the acknowledgements, before they were written down.
  REQUIRE(RunOne(publisher.db(), "UPDATE feed_production SET n = 30").ok());
  publisher.PublishMany("dossiers/9", 20);
  publisher.Start();
  REQUIRE(Produced(publisher));
  Foreign foreign(*publisher.topic(), true);
  CHECK(foreign.High(0) + foreign.High(1) + foreign.High(2) == 190);
  const RunningConsumer consumer(publisher, inbox, Ledger::Effect);
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == 120; }));
  publisher.Publish({{"dossiers/10", 1}});
  CHECK(Eventually([&] { return ledger.Count() == 121; }));
  CHECK(ledger.Wrong(20) == std::vector<std::string>{"dossiers/10 1 0"});
}

TEST_CASE("kafka: one process produces; another takes over when it is gone") {
  const KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic();
  Publisher publisher({}, 0, "", Engine::kPostgres, topic);
  publisher.PublishMany("dossiers/a", 5);
  REQUIRE(Produced(publisher));
  metrics::Registry metrics;
  KafkaProducer other(&publisher.db(), &publisher.clock(), &metrics, kSource, topic);
  publisher.PublishMany("dossiers/a", 5, 0, 6);
  REQUIRE(Produced(publisher));
  CHECK(testing::MetricValue(metrics, "events_producer_leads") == 0);
  CHECK(testing::MetricValue(metrics, "events_produced_total") == 0);
  publisher.Stop();
  publisher.PublishMany("dossiers/b", 5);
  // Nobody moves the outbox of a publisher that is stopped.
  const Sequencer sequencer(&publisher.db(), &publisher.clock(), &metrics, [&] { other.Notify(); });
  REQUIRE(Produced(publisher));
  CHECK(testing::MetricValue(metrics, "events_producer_leads") == 1);
  CHECK(testing::MetricValue(metrics, "events_produced_total") == 5);
  const auto records = Foreign(topic, true).Read(15, 3);
  std::map<std::string, int> keys;
  for (const auto& record : records) ++keys[record.key];
  CHECK(keys == std::map<std::string, int>{{"dossiers/a", 10}, {"dossiers/b", 5}});
}

TEST_CASE("kafka: a topic that was lost is made again and gets the whole feed") {
  const KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic();
  Publisher publisher({}, 0, "", Engine::kSqlite, topic);
  Inbox inbox;
  publisher.PublishMany("dossiers/a", 10);
  {
    const RunningConsumer consumer(publisher, inbox);
    REQUIRE(Eventually([&] { return inbox.Count() == 10; }));
  }
  REQUIRE(Produced(publisher));
  publisher.Stop();
  Foreign(topic, false).DeleteTopic();
  publisher.Start();
  publisher.PublishMany("dossiers/a", 10, 0, 11);
  REQUIRE(Produced(publisher));
  const RunningConsumer consumer(publisher, inbox);
  REQUIRE(Eventually([&] { return inbox.Count() == 20; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 20));
}

TEST_CASE("kafka: a consumer whose database is restored reads on from where that is") {
  Publisher publisher({}, 0, "", Engine::kSqlite, KafkaBroker::Shared(kOldKafka).NewTopic());
  publisher.PublishMany("dossiers/a", 30);
  {
    Inbox lost;
    const RunningConsumer consumer(publisher, lost);
    REQUIRE(Eventually([&] { return lost.Count() == 30; }));
  }
  // The group is at the end as Kafka knows it.
  Inbox inbox;
  const RunningConsumer consumer(publisher, inbox);
  REQUIRE(Eventually([&] { return inbox.Count() == 30; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 30));
}

TEST_CASE("kafka: what the topic has no more is missed, and comes by the feed") {
  const KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic(1);
  Publisher publisher({}, 0, "", Engine::kSqlite, topic);
  Inbox inbox;
  publisher.PublishMany("dossiers/a", 20);
  REQUIRE(Produced(publisher));
  const bool was_there = GENERATE(false, true);
  if (was_there) {
    const RunningConsumer consumer(publisher, inbox, [](sql::Transaction& tx, const Event& event) {
      return event.revision() <= 5 ? Inbox::Effect(tx, event) : absl::UnavailableError("full");
    });
    REQUIRE(Eventually([&] { return inbox.Count() == 5; }));
  }
  Foreign(topic, false).DeleteBefore(0, 12);
  absl::Mutex mutex;
  std::string logged;
  log::SetSink([&](const std::string& line) {
    absl::MutexLock lock(&mutex);
    logged += line;
  });
  {
    const RunningConsumer consumer(publisher, inbox);
    CHECK(Eventually([&] {
      absl::MutexLock lock(&mutex);
      return absl::StrContains(logged, "KAFKA_EVENTS_MISSING");
    }));
    CHECK(inbox.Count() == (was_there ? 5 : 0));
  }
  log::SetSink(nullptr);
  {
    metrics::Registry metrics;
    FeedConsumer by_feed({kConsumer, &*inbox.db, &publisher.clock(), &metrics, Inbox::Effect},
                         publisher.ChannelOf("insights"));
    by_feed.Start();
    REQUIRE(Eventually([&] { return inbox.Count() == 20; }));
  }
  publisher.PublishMany("dossiers/a", 5, 0, 21);
  const RunningConsumer consumer(publisher, inbox);
  REQUIRE(Eventually([&] { return inbox.Count() == 25; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 25));
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == 25; }));
}

TEST_CASE("kafka: a feed of another life stops the consumer") {
  Publisher publisher({}, 0, "", Engine::kSqlite, KafkaBroker::Shared(kNewKafka).NewTopic());
  Inbox inbox;
  const RunningConsumer consumer(publisher, inbox);
  publisher.PublishMany("dossiers/a", 3);
  REQUIRE(Eventually([&] { return inbox.Count() == 3; }));
  REQUIRE(RunOne(publisher.db(), "UPDATE feed_epoch SET epoch = epoch + 1").ok());
  publisher.Publish({{"dossiers/b", 1}});
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_stopped") == 1; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 3));
}

TEST_CASE("kafka: a partition that waits does not keep the others waiting") {
  Publisher publisher({}, 0, "", Engine::kSqlite, KafkaBroker::Shared(kNewKafka).NewTopic(6));
  Inbox inbox;
  Ledger ledger(inbox);
  std::atomic<bool> healed = false;
  const RunningConsumer consumer(publisher, inbox, [&](sql::Transaction& tx, const Event& event) {
    if (!healed && event.subject() == Subject(0)) return absl::UnavailableError("not now");
    return Ledger::Effect(tx, event);
  });
  for (int i = 0; i < 30; ++i) publisher.PublishMany(Subject(i), 10);
  // All but those of the one partition.
  REQUIRE(Eventually([&] { return ledger.Count() >= 150; }));
  publisher.PublishMany(Subject(0), 10, 0, 11);
  healed = true;
  CHECK(Eventually([&] { return ledger.Count() == 310; }));
  CHECK(ledger.Wrong(10) == std::vector<std::string>{"dossiers/0 20 0"});
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == 310; }));
}

TEST_CASE("kafka: a record that is no event of ours parks its key, the topic goes on") {
  const KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic(1);
  Publisher publisher({}, 0, "", Engine::kSqlite, topic);
  Inbox inbox;
  publisher.Publish({{"dossiers/a", 1}});
  REQUIRE(Produced(publisher));
  Foreign(topic, false).Write(0, std::string("st\0ray", 6), "no event");
  publisher.Publish({{"dossiers/a", 2}});
  const RunningConsumer consumer(publisher, inbox);
  REQUIRE(Eventually([&] { return inbox.Count() == 2; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 2));
  REQUIRE(inbox.db
              ->Read([&](sql::Transaction& tx) -> absl::Status {
                ASSIGN_OR_RETURN(const auto keys, ListParkedKeys(tx, kConsumer));
                REQUIRE(keys.size() == 1);
                CHECK(keys[0].key() == "st\\000ray");
                CHECK(keys[0].first_event_id() == absl::StrCat(topic.topic, "/0/1"));
                CHECK(ErrorReason(FromRpcStatus(keys[0].failure())) == "EVENT_UNREADABLE");
                return absl::OkStatus();
              })
              .ok());
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == 2; }));
}

TEST_CASE("kafka: a consumer ends in time while the brokers are away, and begins without them") {
  KafkaBroker& broker = KafkaBroker::Shared(kNewKafka);
  Publisher publisher({}, 0, "", Engine::kSqlite, broker.NewTopic());
  Inbox inbox;
  publisher.PublishMany("dossiers/a", 3);
  REQUIRE(Produced(publisher));
  {
    const RunningConsumer consumer(publisher, inbox);
    REQUIRE(Eventually([&] { return inbox.Count() == 3; }));
    broker.Kill();
    const absl::Time begin = absl::Now();
    publisher.Stop();
    CHECK(absl::Now() - begin < sql::kPatience);
  }
  {
    const absl::Time begin = absl::Now();
    {
      const RunningConsumer consumer(publisher, inbox);
    }
    CHECK(absl::Now() - begin < sql::kPatience);
  }
  const RunningConsumer consumer(publisher, inbox);
  publisher.Start();
  publisher.PublishMany("dossiers/a", 3, 0, 4);
  broker.Start();
  REQUIRE(Eventually([&] { return inbox.Count() == 6; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 6));
}

}  // namespace
}  // namespace lgsp::events
