// What fails for good parks its key and nothing else; what may succeed later is waited for.
#include "libs/events/parked.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Event;
using lgsp::events::v1::FollowResponse;
using sql::Eventually;
using sql::kBothEngines;
using sql::ReadInt;

// Fails with `failure` at the revisions of one subject that it is told, until healed; counts how
// often.
class Stubborn {
 public:
  Stubborn(std::string subject, std::set<int64_t> revisions, absl::Status failure)
      : subject_(std::move(subject)),
        revisions_(std::move(revisions)),
        failure_(std::move(failure)) {}
  Handler handler() {
    return [this](sql::Transaction& tx, const Event& event) -> absl::Status {
      RETURN_IF_ERROR(Inbox::Effect(tx, event));
      if (healed || event.subject() != subject_ || revisions_.count(event.revision()) == 0) {
        return absl::OkStatus();
      }
      ++failures;
      return failure_;
    };
  }
  std::atomic<bool> healed = false;
  std::atomic<int> failures = 0;

 private:
  const std::string subject_;
  const std::set<int64_t> revisions_;
  const absl::Status failure_;
};

// By Kafka there is no order among subjects.
std::vector<std::string> OfSubject(std::vector<std::string> effects, const std::string& subject) {
  effects.erase(
      std::remove_if(effects.begin(), effects.end(),
                     [&](const auto& effect) { return !absl::StartsWith(effect, subject); }),
      effects.end());
  return effects;
}

absl::Status Unreadable() {
  return MakeError(absl::StatusCode::kDataLoss, "EVENT_UNREADABLE", "not what its type says");
}

// `<revision> …` of what is parked of `subject`, in order.
std::string Parked(Inbox& inbox, const std::string& subject) {
  std::string revisions;
  REQUIRE(inbox.db
              ->Read([&](sql::Transaction& tx) -> absl::Status {
                ASSIGN_OR_RETURN(const auto events,
                                 ListParkedEvents(tx, kConsumer, subject, 0, 100));
                for (const ParkedEvent& event : events) {
                  CHECK(event.response.event().subject() == subject);
                  absl::StrAppend(&revisions, event.response.event().revision(), " ");
                }
                return absl::OkStatus();
              })
              .ok());
  return revisions;
}

TEST_CASE("parked: an event that fails for good parks its key; the others go on") {
  const Transport transport = GENERATE(from_range(kTransports));
  Publisher publisher(transport);
  Inbox inbox(transport.engine);
  Stubborn stubborn("dossiers/a", {2}, Unreadable());
  publisher.Publish({{"dossiers/a", 1}, {"dossiers/b", 1}, {"dossiers/a", 2}, {"dossiers/b", 2}});
  publisher.Publish({{"dossiers/a", 3}, {"dossiers/c", 1}, {"dossiers/a", 4}, {"dossiers/b", 3}});
  {
    const RunningConsumer consumer(publisher, inbox, stubborn.handler());
    REQUIRE(Eventually([&] { return inbox.Position(kConsumer).n() == 8; }));
    CHECK(stubborn.failures == kTriesBeforeParking);
    CHECK(consumer.Metric("events_failed_total") == kTriesBeforeParking);
    CHECK(consumer.Metric("events_parked_total") == 1);
    CHECK(consumer.Metric("events_consumer_stopped") == 0);
  }
  CHECK(inbox.Count() == 5);
  CHECK(OfSubject(inbox.Effects(), "dossiers/a") == Range("dossiers/a", 1, 1));
  CHECK(OfSubject(inbox.Effects(), "dossiers/b") == Range("dossiers/b", 1, 3));
  CHECK(OfSubject(inbox.Effects(), "dossiers/c") == Range("dossiers/c", 1, 1));
  CHECK(Parked(inbox, "dossiers/a") == "2 3 4 ");
  // The next process joins what comes, though its handler would now succeed.
  stubborn.healed = true;
  publisher.Publish({{"dossiers/a", 5}, {"dossiers/b", 4}});
  const RunningConsumer next(publisher, inbox, stubborn.handler());
  REQUIRE(Eventually([&] { return inbox.Position(kConsumer).n() == 10; }));
  CHECK(Parked(inbox, "dossiers/a") == "2 3 4 5 ");
  CHECK(inbox.Count() == 6);
}

TEST_CASE("parked: why and since when is kept, with the event as it came") {
  Publisher publisher;
  Inbox inbox(GENERATE(from_range(kBothEngines)));
  Stubborn stubborn("dossiers/a", {1}, Unreadable());
  publisher.Publish({{"dossiers/a", 1, {"H12.01"}}, {"dossiers/b", 1}});
  const RunningConsumer consumer(publisher, inbox, stubborn.handler());
  REQUIRE(Eventually([&] { return inbox.Position(kConsumer).n() == 2; }));
  const auto epoch = static_cast<uint64_t>(publisher.epoch());
  REQUIRE(inbox.db
              ->Read([&](sql::Transaction& tx) -> absl::Status {
                ASSIGN_OR_RETURN(const auto keys, ListParkedKeys(tx, kConsumer));
                REQUIRE(keys.size() == 1);
                CHECK(keys[0].key() == "dossiers/a");
                CHECK(keys[0].events() == 1);
                CHECK(keys[0].first_event_type() == "lgsp.dossiers.v1.DossierSubmitted");
                CHECK(keys[0].first_event_revision() == 1);
                const absl::Status failure = FromRpcStatus(keys[0].failure());
                CHECK(absl::IsDataLoss(failure));
                CHECK(ErrorReason(failure) == "EVENT_UNREADABLE");
                CHECK(keys[0].park_time().seconds() == 1'900'000'000);
                ASSIGN_OR_RETURN(const auto events,
                                 ListParkedEvents(tx, kConsumer, "dossiers/a", 0, 10));
                REQUIRE(events.size() == 1);
                const FollowResponse& parked = events[0].response;
                CHECK(parked.event().id() == keys[0].first_event_id());
                CHECK(parked.event().audience(0) == "H12.01");
                CHECK(parked.event().source() == kSource);
                CHECK(parked.position().n() == 1);
                CHECK(parked.position().epoch() == epoch);
                CHECK_FALSE(parked.event().data().empty());
                return absl::OkStatus();
              })
              .ok());
}

TEST_CASE("parked: what may succeed later is tried without end and parks nothing") {
  const auto [code, kafka] = GENERATE(table<absl::StatusCode, const char*>({
      {absl::StatusCode::kUnavailable, nullptr},
      {absl::StatusCode::kDeadlineExceeded, nullptr},
      {absl::StatusCode::kAborted, nullptr},
      {absl::StatusCode::kResourceExhausted, nullptr},
      {absl::StatusCode::kUnavailable, kNewKafka},
  }));
  Publisher publisher(Transport{sql::Database::Engine::kSqlite, kafka});
  Inbox inbox;
  const absl::Status failure(code, "not now");
  INFO(failure);
  Stubborn stubborn("dossiers/a", {2}, failure);
  publisher.Publish({{"dossiers/a", 1}, {"dossiers/a", 2}, {"dossiers/b", 1}});
  const RunningConsumer consumer(publisher, inbox, stubborn.handler());
  REQUIRE(Eventually([&] { return stubborn.failures > kTriesBeforeParking; }));
  CHECK(ReadInt(*inbox.db, "SELECT COUNT(*) FROM parked_keys") == 0);
  CHECK(OfSubject(inbox.Effects(), "dossiers/a") == Range("dossiers/a", 1, 1));
  CHECK(Eventually([&] { return inbox.Position(kConsumer).n() == 1; }));
  stubborn.healed = true;
  REQUIRE(Eventually([&] { return inbox.Count() == 3; }));
  CHECK(OfSubject(inbox.Effects(), "dossiers/a") == Range("dossiers/a", 1, 2));
}

// `subject` and its event number `n`, as a feed brings it.
FollowResponse ResponseOf(const std::string& subject, int64_t n) {
  FollowResponse response;
  response.mutable_position()->set_epoch(77);
  response.mutable_position()->set_n(static_cast<uint64_t>(n));
  response.mutable_event()->set_source(kSource);
  response.mutable_event()->set_id(absl::StrCat("id", n));
  response.mutable_event()->set_subject(subject);
  response.mutable_event()->set_revision(n);
  return response;
}

TEST_CASE("parked: above the limit of keys the consumer stops, and goes on when there is room") {
  Publisher publisher;
  Inbox inbox(GENERATE(from_range(kBothEngines)));
  REQUIRE(inbox.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                for (int64_t i = 1; i <= kMaxParkedKeys; ++i) {
                  RETURN_IF_ERROR(Park(tx, kConsumer, ResponseOf(absl::StrCat("old/", i), i),
                                       Unreadable(), absl::UnixEpoch()));
                }
                return absl::OkStatus();
              })
              .ok());
  Stubborn stubborn("dossiers/a", {1}, Unreadable());
  const RunningConsumer consumer(publisher, inbox, stubborn.handler());
  publisher.Publish({{"old/7", 1}, {"dossiers/a", 1}, {"dossiers/b", 1}});
  REQUIRE(Eventually([&] { return consumer.Metric("events_consumer_stopped") == 1; }));
  // What joins a key is not one key more.
  CHECK(Parked(inbox, "old/7") == "7 1 ");
  CHECK(inbox.Count() == 0);
  CHECK(inbox.Position(kConsumer).n() == 1);
  REQUIRE(inbox.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                RETURN_IF_ERROR(LockParkedKey(tx, kConsumer, "old/1").status());
                ASSIGN_OR_RETURN(const int64_t left, RemoveParked(tx, kConsumer, "old/1", 1));
                CHECK(left == 0);
                return absl::OkStatus();
              })
              .ok());
  REQUIRE(Eventually([&] { return inbox.Count() == 1; }));
  CHECK(inbox.Effects() == Range("dossiers/b", 1, 1));
  CHECK(Parked(inbox, "dossiers/a") == "1 ");
  CHECK(Eventually([&] { return consumer.Metric("events_consumer_stopped") == 0; }));
}

TEST_CASE("parked: a key takes as many events as may wait, and counts them") {
  Inbox inbox(GENERATE(from_range(kBothEngines)));
  const auto join = [&](int64_t n) {
    return inbox.db->Run([&](sql::Transaction& tx) {
      return Park(tx, kConsumer, ResponseOf("dossiers/a", n), Unreadable(), absl::UnixEpoch());
    });
  };
  REQUIRE(inbox.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                for (int64_t n = 1; n <= kMaxParkedEvents; ++n) {
                  RETURN_IF_ERROR(Park(tx, kConsumer, ResponseOf("dossiers/a", n), Unreadable(),
                                       absl::UnixEpoch() + absl::Seconds(n)));
                }
                return absl::OkStatus();
              })
              .ok());
  CHECK(ErrorReason(join(kMaxParkedEvents + 1)) == kTooManyParked);
  REQUIRE(inbox.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                ASSIGN_OR_RETURN(const ParkedCounts counts, CountParked(tx, kConsumer));
                CHECK(counts.keys == 1);
                CHECK(counts.events == kMaxParkedEvents);
                CHECK(counts.oldest == absl::UnixEpoch() + absl::Seconds(1));
                RETURN_IF_ERROR(LockParkedKey(tx, kConsumer, "dossiers/a").status());
                ASSIGN_OR_RETURN(const int64_t left, RemoveParked(tx, kConsumer, "dossiers/a", 3));
                CHECK(left == kMaxParkedEvents - 3);
                return absl::OkStatus();
              })
              .ok());
  CHECK(join(kMaxParkedEvents + 1).ok());
  CHECK(Parked(inbox, "dossiers/a").substr(0, 4) == "4 5 ");
  // Another consumer of the database has nothing parked.
  REQUIRE(inbox.db
              ->Run([&](sql::Transaction& tx) -> absl::Status {
                ASSIGN_OR_RETURN(const ParkedCounts counts, CountParked(tx, "other"));
                CHECK(counts.keys == 0);
                CHECK(counts.oldest == absl::InfiniteFuture());
                ASSIGN_OR_RETURN(const bool joined,
                                 JoinParked(tx, "other", ResponseOf("dossiers/a", 1)));
                CHECK_FALSE(joined);
                const auto locked = LockParkedKey(tx, "other", "dossiers/a");
                CHECK(ErrorReason(locked.status()) == "PARKED_KEY_UNKNOWN");
                return absl::OkStatus();
              })
              .ok());
}

}  // namespace
}  // namespace lgsp::events
