// A topic that is not, or has not, what the feed has: lost, cut, made again, of another life.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/events/kafka_foreign_test.h"
#include "libs/log/log.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Event;
using sql::Eventually;
using sql::kBothEngines;
using sql::ReadInt;
using Engine = sql::Database::Engine;

absl::StatusOr<lgsp::events::v1::RaiseEpochResponse> RaiseEpochAs(Publisher& publisher,
                                                                  absl::string_view service) {
  grpc::ClientContext context;
  rpc::SetDeadline(context, sql::kPatience);
  lgsp::events::v1::RaiseEpochResponse response;
  RETURN_IF_ERROR(rpc::FromGrpcStatus(
      lgsp::events::v1::Feed::NewStub(publisher.ChannelOf(service))
          ->RaiseEpoch(&context, lgsp::events::v1::RaiseEpochRequest(), &response)));
  return response;
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

TEST_CASE("kafka: a topic made again while the consumer was away is read from its beginning") {
  const KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic(1);
  Publisher publisher({}, 0, "", Engine::kSqlite, topic);
  Inbox inbox;
  publisher.PublishMany("dossiers/a", 20);
  REQUIRE(Produced(publisher));
  publisher.Stop();
  // The old topic has every event twice.
  REQUIRE(RunOne(publisher.db(), "UPDATE feed_production SET n = 0").ok());
  publisher.Start();
  REQUIRE(Produced(publisher));
  const auto next = [&] {
    return ReadInt(*inbox.db, "SELECT COALESCE(MAX(next_offset), 0) FROM consumer_offsets");
  };
  {
    const RunningConsumer consumer(publisher, inbox);
    REQUIRE(Eventually([&] { return next() == 40; }));
  }
  publisher.Stop();
  Foreign(topic, false).DeleteTopic();
  // The new one has other events behind the place where the consumer was.
  publisher.PublishMany("dossiers/a", 40, 0, 21);
  publisher.Start();
  REQUIRE(Produced(publisher));
  const RunningConsumer consumer(publisher, inbox);
  CHECK(Eventually([&] { return inbox.Count() == 60; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 60));
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == 60; }));
  CHECK(consumer.Metric("events_missing") == 0);
}

TEST_CASE("kafka: acknowledged events that the brokers lost are missed and come by the feed") {
  const KafkaTopic topic = KafkaBroker::Shared(kNewKafka).NewTopic();
  Publisher publisher({}, 0, "", Engine::kSqlite, topic);
  Inbox inbox;
  // Some in every partition.
  for (int i = 0; i < 10; ++i) publisher.PublishMany(Subject(i), 1);
  REQUIRE(Produced(publisher));
  publisher.Stop();
  // What comes next has the offsets that the lost ones had: no offset is left out.
  for (int i = 0; i < 5; ++i) publisher.PublishMany(Subject(i), 1, 0, 2);
  REQUIRE(RunOne(publisher.db(), "UPDATE feed_production SET n = 15").ok());
  publisher.Start();
  for (int i = 0; i < 5; ++i) publisher.PublishMany(Subject(i), 5, 0, 3);
  REQUIRE(Produced(publisher));
  const bool mended = GENERATE(true, false);
  {
    const RunningConsumer consumer(publisher, inbox);
    REQUIRE(Eventually([&] { return consumer.Metric("events_missing") == 1; }));
    CHECK(inbox.Position(kConsumer).n() == 10);
    CHECK(consumer.Metric("events_consumer_stopped") == 0);
    if (mended) {
      metrics::Registry metrics;
      FeedConsumer by_feed({kConsumer, &*inbox.db, &publisher.clock(), &metrics, Inbox::Effect},
                           publisher.ChannelOf("insights"));
      by_feed.Start();
      CHECK(Eventually([&] { return inbox.Count() == 40; }));
      CHECK(Eventually([&] { return consumer.Metric("events_missing") == 0; }));
    }
  }
  const RunningConsumer consumer(publisher, inbox);
  const double missing = mended ? 0 : 1;
  publisher.PublishMany(Subject(0), 1, 0, 8);
  CHECK(Eventually([&] { return consumer.Metric("events_missing") == missing; }));
  CHECK(Eventually([&] { return inbox.Count() == (mended ? 41 : 36); }));
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
    CHECK(Eventually([&] { return consumer.Metric("events_missing") == 1; }));
    publisher.clock().Advance(absl::Seconds(60));
    CHECK(Eventually([&] { return consumer.Metric("events_consumer_lag_seconds") == 60; }));
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

TEST_CASE(
    "kafka: a partition never read that begins with a later event waits for the earlier ones") {
  Publisher publisher({}, 0, "", Engine::kSqlite, KafkaBroker::Shared(kNewKafka).NewTopic(1));
  Inbox inbox;
  publisher.Stop();
  publisher.PublishMany("dossiers/a", 10);
  // As a topic that was made again while events were produced: its first record is a later event.
  REQUIRE(RunOne(publisher.db(), "DELETE FROM feed WHERE position <= 5").ok());
  publisher.Start();
  REQUIRE(Produced(publisher));
  const RunningConsumer consumer(publisher, inbox);
  CHECK(Eventually([&] { return consumer.Metric("events_missing") == 1; }));
  CHECK(inbox.Count() == 0);
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

TEST_CASE("kafka: a restored publisher gets a new epoch; who is rebuilt counts that one alone") {
  Publisher publisher(
      {}, 0, "rules { caller: 'operator' service: 'lgsp.events.v1.Feed' methods: 'RaiseEpoch' }",
      GENERATE(from_range(kBothEngines)), KafkaBroker::Shared(kNewKafka).NewTopic(2));
  publisher.PublishMany("dossiers/a", 5);
  REQUIRE(Produced(publisher));
  publisher.PublishMany("dossiers/lost", 5);
  Inbox inbox;
  {
    const RunningConsumer consumer(publisher, inbox);
    REQUIRE(Eventually([&] { return inbox.Count() == 10; }));
    REQUIRE(Produced(publisher));
    const int64_t before = publisher.epoch();
    // The backup that it is restored from does not have the last five.
    REQUIRE(RunOne(publisher.db(), "DELETE FROM feed WHERE position > 5").ok());
    CHECK(absl::IsPermissionDenied(RaiseEpochAs(publisher, "insights").status()));
    CHECK(publisher.epoch() == before);
    const auto raised = RaiseEpochAs(publisher, "operator");
    REQUIRE(raised.ok());
    CHECK(static_cast<int64_t>(raised->position().epoch()) == publisher.epoch());
    CHECK(publisher.epoch() != before);
    CHECK(raised->position().n() == 5);
    publisher.PublishMany("dossiers/a", 5, 0, 6);
    REQUIRE(Produced(publisher));
    CHECK(Eventually([&] { return consumer.Metric("events_consumer_stopped") == 1; }));
    CHECK(inbox.Count() == 10);
  }
  Inbox rebuilt;
  const RunningConsumer consumer(publisher, rebuilt);
  CHECK(Eventually([&] { return rebuilt.Position(kConsumer).n() == 10; }));
  CHECK(rebuilt.Effects() == Range("dossiers/a", 1, 10));
  CHECK(static_cast<int64_t>(rebuilt.Position(kConsumer).epoch()) == publisher.epoch());
  CHECK(consumer.Metric("events_consumer_stopped") == 0);
}

}  // namespace
}  // namespace lgsp::events
