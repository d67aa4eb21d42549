// Producer and consumers at a real Apache Kafka, with what goes wrong there.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/events/kafka_consumer.h"
#include "libs/events/kafka_foreign_test.h"
#include "libs/events/parked.h"
#include "libs/keys/digest.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"
#include "libs/testing/metric_value.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Event;
using sql::Eventually;
using sql::kBothEngines;
using sql::ReadInt;
using Engine = sql::Database::Engine;

double ProducerMetric(Publisher& publisher, absl::string_view name) {
  return testing::MetricValue(publisher.platform().metrics(), name);
}

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

TEST_CASE("kafka: replicas are as the file says, but at a broker that is alone") {
  KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic(1);
  const testing::TemporaryFolder folder;
  topic.config.set_topics_file(folder.Write(
      "topics.textproto", absl::StrCat("topics { name: '", topic.topic,
                                       "' partitions: 1 retention_hours: 168 replicas: 3 "
                                       "min_insync_replicas: 2 }")));
  const KafkaTopic alone = topic;
  // Where others are expected, nothing is made with fewer copies.
  topic.config.set_brokers(absl::StrCat(topic.config.brokers(), ",", topic.config.brokers()));
  const auto client = MakeKafkaClient(false, topic, {}, [](rd_kafka_conf_t*, void*) {}, nullptr);
  REQUIRE(client.ok());
  CHECK(ErrorReason(EnsureTopic(client->get(), topic)) == "KAFKA_FAILED");
  Foreign foreign(topic, false);
  CHECK(foreign.Partitions() == 0);
  REQUIRE(EnsureTopic(client->get(), alone).ok());
  CHECK(foreign.Partitions() == 1);
  CHECK(foreign.Setting("min.insync.replicas") == "1");
}

TEST_CASE("kafka: a topic says how many copies acknowledge") {
  KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic(1);
  const testing::TemporaryFolder folder;
  topic.config.set_topics_file(folder.Write(
      "topics.textproto", absl::StrCat("topics { name: '", topic.topic,
                                       "' partitions: 1 retention_hours: 168 replicas: 1 "
                                       "min_insync_replicas: 2 }")));
  const auto client = MakeKafkaClient(false, topic, {}, [](rd_kafka_conf_t*, void*) {}, nullptr);
  REQUIRE(client.ok());
  REQUIRE(EnsureTopic(client->get(), topic).ok());
  CHECK(Foreign(topic, false).Setting("min.insync.replicas") == "2");
}

TEST_CASE("kafka: connections that are not encrypted are told at the start") {
  absl::Mutex mutex;
  std::string logged;
  log::SetSink([&](const std::string& line) {
    absl::MutexLock lock(&mutex);
    logged += line;
  });
  Inbox inbox;
  const FakeClock clock(absl::FromUnixSeconds(1'900'000'000));
  const bool plaintext = GENERATE(true, false);
  KafkaTopic topic;
  topic.topic = "lgsp.test.v1";
  topic.config.set_authority_file(plaintext ? "" : "authority.pem");
  {
    metrics::Registry metrics;
    const KafkaConsumer consumer({kConsumer, &*inbox.db, &clock, &metrics, Inbox::Effect}, topic,
                                 kGroup, [] { return absl::UnavailableError("never asked"); });
  }
  log::SetSink(nullptr);
  absl::MutexLock lock(&mutex);
  CHECK(absl::StrContains(logged, "not encrypted") == plaintext);
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
  // Counted a moment after it is written down.
  CHECK(Eventually([&] { return testing::MetricValue(metrics, "events_produced_total") == 5; }));
  const auto records = Foreign(topic, true).Read(15, 3);
  std::map<std::string, int> keys;
  for (const auto& record : records) ++keys[record.key];
  CHECK(keys == std::map<std::string, int>{{"dossiers/a", 10}, {"dossiers/b", 5}});
}

TEST_CASE(
    "kafka: a producer that has nothing to do writes nothing until half of its turn is over") {
  Publisher publisher({}, 0, "", GENERATE(from_range(kBothEngines)),
                      KafkaBroker::Shared(kNewKafka).NewTopic());
  publisher.Publish({{"dossiers/a", 1}});
  REQUIRE(Produced(publisher));
  metrics::Gauge leads = publisher.platform().metrics().GetGauge("events_producer_leads", "");
  // A turn of another clock would be written anew.
  const auto until = [&] {
    return ReadInt(publisher.db(), "SELECT lease_until FROM feed_production");
  };
  const int64_t before = until();
  const auto look = [&] {
    leads.Set(-1);
    return Eventually([&] { return ProducerMetric(publisher, "events_producer_leads") == 1; });
  };
  for (int i = 0; i < 5; ++i) {
    publisher.clock().Advance(absl::Milliseconds(100));
    REQUIRE(look());
    REQUIRE(look());
  }
  CHECK(until() == before);
  publisher.clock().Advance(kProductionLease / 2);
  REQUIRE(look());
  REQUIRE(look());
  CHECK(until() > before);
}

TEST_CASE("kafka: the lag is that of the oldest event of all partitions, also while it waits") {
  Publisher publisher({}, 0, "", Engine::kSqlite, KafkaBroker::Shared(kNewKafka).NewTopic(6));
  Inbox inbox;
  std::atomic<bool> healed = false;
  const RunningConsumer consumer(publisher, inbox, [&](sql::Transaction& tx, const Event& event) {
    if (!healed && event.subject() == "dossiers/a") return absl::UnavailableError("not now");
    return Inbox::Effect(tx, event);
  });
  publisher.Publish({{"dossiers/a", 1}});
  REQUIRE(Eventually([&] { return consumer.Metric("events_failed_total") > 0; }));
  publisher.clock().Advance(absl::Seconds(100));
  // Some are in partitions that do not wait.
  for (int i = 1; i <= 20; ++i) {
    publisher.Publish({{absl::StrCat("other/", i), 1}});
    publisher.clock().Advance(absl::Seconds(1));
  }
  REQUIRE(Eventually([&] { return inbox.Count() > 10; }));
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_lag_seconds") == 120; }));
  const double failed = consumer.Metric("events_failed_total");
  const int64_t count = inbox.Count();
  int round = 0;
  CHECK(Eventually([&] {
    publisher.Publish({{absl::StrCat("more/", ++round), 1}});
    return inbox.Count() > count;
  }));
  CHECK(consumer.Metric("events_consumer_lag_seconds") == 120);
  CHECK(consumer.Metric("events_failed_total") >= failed);
  healed = true;
  CHECK(Eventually([&] { return inbox.Count() == 21 + round; }));
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_lag_seconds") == 0; }));
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

TEST_CASE("kafka: a record whose key no database can have as a key does not stop its partition") {
  const KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic(1);
  Publisher publisher({}, 0, "", Engine::kSqlite, topic);
  Inbox inbox(Engine::kPostgres);
  publisher.Publish({{"dossiers/a", 1}});
  REQUIRE(Produced(publisher));
  // Not one that compresses.
  const std::string key = keys::Hex(keys::RandomBytes(50'000));
  Foreign(topic, false).Write(0, key, "no event");
  publisher.Publish({{"dossiers/a", 2}});
  const RunningConsumer consumer(publisher, inbox);
  CHECK(Eventually([&] { return inbox.Count() == 2; }));
  CHECK(ReadInt(*inbox.db, "SELECT COUNT(*) FROM parked_keys") == 1);
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
