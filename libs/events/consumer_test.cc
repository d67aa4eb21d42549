// Consumers of a feed on a real server.
#include <atomic>
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/events/feed_consumer.h"
#include "libs/events/fixture_test.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Event;
using lgsp::events::v1::FollowResponse;
using sql::Eventually;
using sql::kBothEngines;

FollowResponse ResponseAt(uint64_t n, const std::string& id, int64_t revision) {
  FollowResponse response;
  response.mutable_position()->set_epoch(77);
  response.mutable_position()->set_n(n);
  response.mutable_event()->set_source(kSource);
  response.mutable_event()->set_id(id);
  response.mutable_event()->set_type("lgsp.dossiers.v1.DossierSubmitted");
  response.mutable_event()->set_subject("dossiers/a");
  response.mutable_event()->set_revision(revision);
  return response;
}

TEST_CASE("effect, inbox and position are one transaction; an event has its effect once") {
  Inbox inbox(GENERATE(from_range(kBothEngines)));
  const FakeClock clock(absl::FromUnixSeconds(1'900'000'000));
  const auto apply = [&](const FollowResponse& response, const Handler& handler = Inbox::Effect) {
    return ApplyEvent(*inbox.db, clock, kConsumer, response, handler);
  };
  CHECK(inbox.Position(kConsumer).n() == 0);
  REQUIRE(apply(ResponseAt(1, "id1", 1)).ok());
  CHECK(inbox.Position(kConsumer).epoch() == 77);
  CHECK(inbox.Position(kConsumer).n() == 1);

  const Handler fails = [](sql::Transaction& tx, const Event& event) -> absl::Status {
    RETURN_IF_ERROR(Inbox::Effect(tx, event));
    return absl::UnavailableError("not now");
  };
  CHECK(absl::IsUnavailable(apply(ResponseAt(2, "id2", 2), fails)));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 1));
  CHECK(inbox.Position(kConsumer).n() == 1);
  REQUIRE(apply(ResponseAt(2, "id2", 2)).ok());
  // Told again at a later place: no effect, but the place counts.
  REQUIRE(apply(ResponseAt(3, "id1", 1)).ok());
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 2));
  CHECK(inbox.Position(kConsumer).n() == 3);
  // One that is slow to end does not set back the one that took over.
  REQUIRE(apply(ResponseAt(2, "id2", 2)).ok());
  CHECK(inbox.Position(kConsumer).n() == 3);
  // Another consumer in this database has its own way.
  CHECK(inbox.Position("other").n() == 0);
  REQUIRE(ApplyEvent(*inbox.db, clock, "other", ResponseAt(1, "id1", 1), Inbox::Effect).ok());
  CHECK(inbox.Count() == 3);
}

TEST_CASE("every event arrives once and in order, across restarts of the consumer") {
  Publisher publisher(GENERATE(from_range(kTransports)));
  Inbox inbox(GENERATE(from_range(kBothEngines)));
  constexpr int kRounds = 5, kEach = 60;
  for (int round = 0; round < kRounds; ++round) {
    publisher.PublishMany("dossiers/a", kEach, 0, 1 + round * kEach);
    // Ends in the middle of it, wherever that is.
    const RunningConsumer consumer(publisher, inbox);
    REQUIRE(Eventually([&] { return inbox.Count() > round * kEach / 2; }));
  }
  const RunningConsumer consumer(publisher, inbox);
  REQUIRE(Eventually([&] { return inbox.Count() >= kRounds * kEach; }));
  publisher.Publish({{"dossiers/z", 1}});
  REQUIRE(Eventually([&] { return inbox.Count() > kRounds * kEach; }));
  auto expected = Range("dossiers/a", 1, kRounds * kEach);
  expected.push_back("dossiers/z 1");
  CHECK(inbox.Effects() == expected);
  CHECK(Eventually(
      [&] { return consumer.Metric("events_consumer_position") == kRounds * kEach + 1; }));
  CHECK(consumer.Metric("events_consumer_heard_time_seconds") > 0);
  CHECK(consumer.Metric("events_failed_total") == 0);
}

TEST_CASE("a consumer goes on when the publisher was away") {
  Publisher publisher({}, FreePort());
  Inbox inbox;
  const RunningConsumer consumer(publisher, inbox);
  for (int round = 0; round < 3; ++round) {
    publisher.PublishMany("dossiers/a", 5, 0, 1 + 10 * round);
    REQUIRE(Eventually([&] { return inbox.Count() == 5 + 10 * round; }));
    publisher.Stop();
    publisher.PublishMany("dossiers/a", 5, 0, 6 + 10 * round);
    publisher.Start();
    REQUIRE(Eventually([&] { return inbox.Count() == 10 + 10 * round; }));
  }
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 30));
}

TEST_CASE("an event that fails is tried again, the later ones wait, the lag shows") {
  Publisher publisher(GENERATE(from_range(kTransports)));
  Inbox inbox;
  std::atomic<int> failures = 0;
  std::atomic<bool> healed = false;
  RunningConsumer consumer(publisher, inbox, [&](sql::Transaction& tx, const Event& event) {
    const absl::Status status = Inbox::Effect(tx, event);
    if (event.revision() != 3 || healed) return status;
    ++failures;
    return absl::UnavailableError("not now");
  });
  publisher.PublishMany("dossiers/a", 6);
  REQUIRE(Eventually([&] { return failures >= 3; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 2));
  CHECK(inbox.Position(kConsumer).n() == 2);
  CHECK(consumer.Metric("events_failed_total") >= 2);
  publisher.clock().Advance(absl::Seconds(500));
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_lag_seconds") == 500; }));
  healed = true;
  REQUIRE(Eventually([&] { return inbox.Count() == 6; }));
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 6));
  CHECK(consumer.Metric("events_consumer_stopped") == 0);
}

TEST_CASE("a consumer that has nothing to do hears from the feed and has no lag") {
  Publisher publisher(
      {.poll_interval = absl::Milliseconds(5), .heartbeat = absl::Milliseconds(10)});
  Inbox inbox;
  RunningConsumer consumer(publisher, inbox);
  publisher.clock().Advance(-absl::Seconds(30));
  publisher.PublishMany("dossiers/a", 1);
  publisher.clock().Advance(absl::Seconds(30));
  REQUIRE(Eventually([&] { return inbox.Count() == 1; }));
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_lag_seconds") == 0; }));
  const double heard = consumer.Metric("events_consumer_heard_time_seconds");
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_heard_time_seconds") > heard; }));
}

TEST_CASE("a consumer stops at a feed it does not know, and says so") {
  Publisher publisher;
  publisher.PublishMany("dossiers/a", 3);
  Inbox inbox;
  {
    const RunningConsumer consumer(publisher, inbox);
    REQUIRE(Eventually([&] { return inbox.Count() == 3; }));
  }
  const bool other_epoch = GENERATE(true, false);
  if (other_epoch) {
    REQUIRE(RunOne(publisher.db(), "UPDATE feed_epoch SET epoch = epoch + 1").ok());
  } else {
    // An older state of the same database.
    REQUIRE(RunOne(publisher.db(), "DELETE FROM feed WHERE position = 3").ok());
  }
  const RunningConsumer consumer(publisher, inbox);
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_stopped") == 1; }));
  publisher.Publish({{"dossiers/b", 1}, {"dossiers/b", 2}});
  CHECK(inbox.Effects() == Range("dossiers/a", 1, 3));
}

TEST_CASE("a consumer ends at once, whether it waits for events, for the server, or never began") {
  Publisher publisher(kNoPolling);
  Inbox inbox;
  const auto channel = publisher.ChannelOf("insights");
  metrics::Registry metrics;
  const absl::Time begin = absl::Now();
  {
    const FeedConsumer never_begun({kConsumer, &*inbox.db, &publisher.clock(), &metrics, {}},
                                   channel);
  }
  {
    const RunningConsumer waits(publisher, inbox);
    REQUIRE(Eventually([&] { return publisher.Followers() == 1; }));
  }
  for (int i = 0; i < 20; ++i) {
    const RunningConsumer just_begun(publisher, inbox);
  }
  {
    FeedConsumer alone({kConsumer, &*inbox.db, &publisher.clock(), &metrics, Inbox::Effect},
                       channel);
    publisher.Stop();
    alone.Start();
  }
  CHECK(absl::Now() - begin < sql::kPatience);
}

TEST_CASE("consumers end and begin again and again while events are told") {
  const Transport transport = GENERATE(from_range(kTransports));
  Publisher publisher({.poll_interval = absl::Milliseconds(1), .heartbeat = absl::Milliseconds(2)},
                      0, "", transport.engine, transport.NewTopic());
  Inbox inbox(GENERATE(from_range(kBothEngines)));
  constexpr int kEvents = 300;
  std::atomic<bool> told = false;
  sql::Crowd teller(1, [&](int) {
    for (int i = 1; i <= kEvents; ++i) {
      const absl::Status status = publisher.db().Run(
          [&](sql::Transaction& tx) { return publisher.Add(tx, {"dossiers/a", i}); });
      if (!status.ok()) return status;
      publisher.Notify();
    }
    told = true;
    return absl::OkStatus();
  });
  // Now and then two at once, as when an old process is slow to end.
  while (!told) {
    const RunningConsumer one(publisher, inbox);
    const RunningConsumer two(publisher, inbox);
    const int64_t before = inbox.Count();
    REQUIRE(Eventually([&] { return told || inbox.Count() > before + 10; }));
  }
  const RunningConsumer last(publisher, inbox);
  CHECK(Eventually([&] { return inbox.Count() >= kEvents; }));
  CHECK(teller.Join()[0].ok());
  CHECK(inbox.Effects() == Range("dossiers/a", 1, kEvents));
}

}  // namespace
}  // namespace lgsp::events
