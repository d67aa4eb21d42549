// FeedService on a real server, followed by hand.
#include "libs/events/feed_service.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/events/fixture_test.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::FollowRequest;
using sql::Eventually;
using sql::kPatience;

// More than fits into what HTTP/2 sends without being read.
constexpr int kMuch = 1500;
constexpr size_t kPadding = 4000;

TEST_CASE("a follower gets what is there, then what comes, each once and in order") {
  Publisher publisher(kNoPolling, 0, "", GENERATE(from_range(sql::kBothEngines)));
  publisher.PublishMany("dossiers/old", 3);
  Follower follower(publisher.ChannelOf("insights"));
  CHECK(follower.Events(3) == Range("dossiers/old", 1, 3));
  publisher.Publish({{"dossiers/a", 1}, {"dossiers/b", 1}});
  CHECK(follower.Events(2) == std::vector<std::string>{"dossiers/a 1", "dossiers/b 1"});
  publisher.Publish({{"dossiers/a", 2}});
  const auto last = follower.Next();
  REQUIRE(last.has_value());
  CHECK(last->position().n() == 6);
  CHECK(last->position().epoch() == static_cast<uint64_t>(publisher.epoch()));
  CHECK(last->event().source() == kSource);

  Follower later(publisher.ChannelOf("insights"), After(publisher.epoch(), 4));
  CHECK(later.Events(2) == std::vector<std::string>{"dossiers/b 1", "dossiers/a 2"});
  CHECK(testing::MetricValue(publisher.platform().metrics(), "events_feed_sent_total") == 8);
  CHECK(publisher.Followers() == 2);
}

TEST_CASE("a long feed is sent without waiting for anybody") {
  Publisher publisher(kNoPolling, 0, "", GENERATE(from_range(sql::kBothEngines)));
  publisher.PublishMany("dossiers/a", 1234);
  Follower follower(publisher.ChannelOf("insights"));
  CHECK(follower.Events(1234) == Range("dossiers/a", 1, 1234));
  // All of it is of no interest to this one but the last.
  FollowRequest request;
  request.add_audience("H12.07");
  Follower picky(publisher.ChannelOf("insights"), request);
  publisher.Publish({{"dossiers/b", 1, {"H12.07"}}});
  CHECK(picky.Events(1) == Range("dossiers/b", 1, 1));
}

TEST_CASE("polling finds what nobody notified") {
  Publisher publisher({.poll_interval = absl::Milliseconds(5)});
  Follower follower(publisher.ChannelOf("insights"));
  REQUIRE(Eventually([&] { return publisher.Followers() == 1; }));
  REQUIRE(publisher.db()
              .Run([&](sql::Transaction& tx) { return publisher.Add(tx, {"dossiers/a", 1}); })
              .ok());
  CHECK(follower.Events(1) == Range("dossiers/a", 1, 1));
}

TEST_CASE("a silent stream says that it lives, and where it is") {
  Publisher publisher(
      {.poll_interval = absl::Milliseconds(5), .heartbeat = absl::Milliseconds(20)});
  Follower beginning(publisher.ChannelOf("insights"));
  auto heard = beginning.Next();
  REQUIRE(heard.has_value());
  CHECK_FALSE(heard->has_event());
  CHECK(heard->position().epoch() == static_cast<uint64_t>(publisher.epoch()));
  CHECK(heard->position().n() == 0);
  publisher.PublishMany("dossiers/a", 2);
  FollowRequest request;
  request.add_audience("H12.07");
  Follower picky(publisher.ChannelOf("insights"), request);
  for (int i = 0; i < 3; ++i) {
    heard = picky.Next();
    REQUIRE(heard.has_value());
    CHECK_FALSE(heard->has_event());
    CHECK(heard->position().n() == 2);
  }
}

TEST_CASE("who begins to follow hears at once where the feed is") {
  Publisher publisher(kNoPolling);
  const auto epoch = FeedEpoch(publisher.ChannelOf("insights"));
  REQUIRE(epoch.ok());
  CHECK(*epoch == static_cast<uint64_t>(publisher.epoch()));
}

TEST_CASE("a new epoch ends the streams of the old one") {
  Publisher publisher(
      {}, 0, "rules { caller: 'operator' service: 'lgsp.events.v1.Feed' methods: 'RaiseEpoch' }",
      GENERATE(from_range(sql::kBothEngines)));
  publisher.PublishMany("dossiers/a", 3);
  Follower follower(publisher.ChannelOf("insights"));
  CHECK(follower.Events(3) == Range("dossiers/a", 1, 3));
  grpc::ClientContext context;
  rpc::SetDeadline(context, sql::kPatience);
  lgsp::events::v1::RaiseEpochResponse raised;
  REQUIRE(lgsp::events::v1::Feed::NewStub(publisher.ChannelOf("operator"))
              ->RaiseEpoch(&context, {}, &raised)
              .ok());
  CHECK(ErrorReason(follower.End()) == "FEED_EPOCH_UNKNOWN");
  CHECK(static_cast<int64_t>(raised.position().epoch()) == publisher.epoch());
  Follower again(publisher.ChannelOf("insights"));
  CHECK(again.Events(3) == Range("dossiers/a", 1, 3));
}

TEST_CASE("a position that is not of this feed is refused") {
  Publisher publisher;
  publisher.PublishMany("dossiers/a", 3);
  const auto status_after = [&](int64_t epoch, uint64_t n) {
    Follower follower(publisher.ChannelOf("insights"), After(epoch, n));
    return follower.End();
  };
  for (const auto& [epoch, n] :
       std::vector<std::pair<int64_t, uint64_t>>{{publisher.epoch() + 1, 2},
                                                 {publisher.epoch() + 1, 0},
                                                 {0, 1},
                                                 {publisher.epoch(), 4},
                                                 {publisher.epoch(), ~uint64_t{0}}}) {
    const absl::Status status = status_after(epoch, n);
    INFO(status);
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(ErrorReason(status) == "FEED_EPOCH_UNKNOWN");
  }
  // The end is a good position.
  Follower at_end(publisher.ChannelOf("insights"), After(publisher.epoch(), 3));
  publisher.Publish({{"dossiers/b", 1}});
  CHECK(at_end.Events(1) == Range("dossiers/b", 1, 1));
}

TEST_CASE("a follower gets the events of the agencies it names, and of no others than its own") {
  Publisher publisher(kNoPolling);
  publisher.Publish({{"dossiers/a", 1, {"H12.01", "H12.50.01"}},
                     {"dossiers/b", 1, {"H12.50.02"}},
                     {"dossiers/c", 1},
                     {"dossiers/d", 1, {"H12.50.01"}},
                     {"dossiers/e", 1, {"H13"}}});
  const auto followed = [&](const std::vector<std::string>& named,
                            const std::vector<std::string>& of_system) {
    FollowRequest request;
    for (const std::string& agency : named) request.add_audience(agency);
    lgsp::auth::v1::Caller caller;
    caller.set_system("systems/one");
    for (const std::string& agency : of_system) caller.add_agencies(agency);
    Follower follower(publisher.ChannelOf(of_system.empty() ? "insights" : "gateway"), request,
                      of_system.empty() ? "" : publisher.platform().CallerJws(kFeed, caller));
    // The last event is everybody's: behind it there is nothing to wait for.
    std::string letters;
    while (const auto response = follower.Next()) {
      letters += response->event().subject().substr(9);
      if (letters.back() == 'z') break;
    }
    return letters;
  };
  publisher.Publish({{"dossiers/z", 1, {"H12.01", "H12.50.01", "H12.50.02", "H13", "H14"}}});
  CHECK(followed({}, {}) == "abcdez");
  CHECK(followed({"H12.50.01"}, {}) == "adz");
  CHECK(followed({"H12.50.01", "H12.50.02"}, {}) == "abdz");
  CHECK(followed({"H14"}, {}) == "z");
  CHECK(followed({}, {"H12.*"}) == "abdz");
  CHECK(followed({}, {"H12.50.02"}) == "bz");
  CHECK(followed({"H12.50.01", "H13"}, {"H12.*"}) == "adz");
  CHECK(followed({}, {"H14"}) == "z");
}

TEST_CASE("there are as many followers as there are places") {
  Publisher publisher;
  const auto channel = publisher.ChannelOf("insights");
  std::vector<std::unique_ptr<Follower>> followers;
  for (size_t i = 0; i < kMaxFollowers; ++i) {
    followers.push_back(std::make_unique<Follower>(channel));
  }
  REQUIRE(Eventually([&] { return publisher.Followers() == kMaxFollowers; }));
  {
    Follower refused(channel);
    const absl::Status status = refused.End();
    CHECK(absl::IsResourceExhausted(status));
    CHECK(ErrorReason(status) == "FEED_TOO_MANY_FOLLOWERS");
  }
  publisher.PublishMany("dossiers/a", 2);
  for (const auto& follower : followers) CHECK(follower->Events(2) == Range("dossiers/a", 1, 2));
  followers.pop_back();
  REQUIRE(Eventually([&] { return publisher.Followers() == kMaxFollowers - 1; }));
  Follower next(channel);
  CHECK(next.Events(2) == Range("dossiers/a", 1, 2));
}

TEST_CASE("a follower that does not read does not hold the others") {
  Publisher publisher(kNoPolling);
  Follower slow(publisher.ChannelOf("insights"));
  FollowRequest request;
  request.add_audience("H12");
  Follower quick(publisher.ChannelOf("insights"), request);
  REQUIRE(Eventually([&] { return publisher.Followers() == 2; }));
  publisher.PublishMany("dossiers/a", kMuch, kPadding);
  publisher.Publish({{"dossiers/b", 1, {"H12"}}});
  CHECK(quick.Events(1) == Range("dossiers/b", 1, 1));
  // It can read on for all that.
  CHECK(slow.Events(kMuch) == Range("dossiers/a", 1, kMuch));
}

TEST_CASE("a follower that takes nothing for long loses its place") {
  Publisher publisher(
      {.poll_interval = absl::Milliseconds(5), .longest_stall = absl::Milliseconds(50)});
  publisher.PublishMany("dossiers/a", kMuch, kPadding);
  Follower stalled(publisher.ChannelOf("insights"));
  REQUIRE(Eventually([&] {
    return testing::MetricValue(publisher.platform().metrics(), "events_feed_sent_total") > 0;
  }));
  REQUIRE(Eventually([&] { return publisher.Followers() == 0; }));
  CHECK_FALSE(stalled.End().ok());
}

TEST_CASE("Stop ends the streams, also of those who do not read, so that the server drains") {
  Publisher publisher;
  Follower quiet(publisher.ChannelOf("insights"), After(publisher.epoch(), 0));
  publisher.PublishMany("dossiers/a", kMuch, kPadding);
  Follower slow(publisher.ChannelOf("insights"));
  REQUIRE(Eventually([&] { return publisher.Followers() == 2; }));
  CHECK(quiet.Events(kMuch) == Range("dossiers/a", 1, kMuch));
  const absl::Time begin = absl::Now();
  publisher.feed().Stop();
  Follower late(publisher.ChannelOf("insights"));
  const absl::Status draining = late.End();
  CHECK(absl::IsUnavailable(draining));
  CHECK(ErrorReason(draining) == "SERVER_DRAINING");
  publisher.server().Drain(10 * kPatience);
  CHECK(absl::Now() - begin < kPatience);
  CHECK(absl::IsUnavailable(quiet.End()));
  CHECK_FALSE(slow.End().ok());
  CHECK(publisher.Followers() == 0);
}

TEST_CASE("followers come and go while events are told and the server ends") {
  Publisher publisher({.poll_interval = absl::Milliseconds(1),
                       .heartbeat = absl::Milliseconds(1),
                       .longest_stall = absl::Milliseconds(20)});
  std::atomic<bool> ending = false;
  std::atomic<int> wrong = 0, followed = 0;
  const auto channel = publisher.ChannelOf("insights");
  sql::Crowd followers(6, [&](int t) {
    for (int round = 0; !ending; ++round) {
      Follower follower(channel);
      int64_t expected = 0;
      // Some read little, some leave at once.
      for (int i = 0; i < (t + round) % 5 * 20; ++i) {
        const auto response = follower.Next();
        if (!response.has_value()) break;
        if (response->has_event() && response->event().revision() != ++expected) ++wrong;
      }
      ++followed;
      if (t % 3 == 0) (void)follower.End(true);
    }
    return absl::OkStatus();
  });
  for (int i = 0; i < 20; ++i) publisher.PublishMany("dossiers/a", 20, 500, 1 + 20 * i);
  CHECK(Eventually([&] { return followed >= 60; }));
  publisher.feed().Stop();
  publisher.server().Drain(kPatience);
  ending = true;
  followers.Join();
  CHECK(wrong == 0);
  CHECK(publisher.Followers() == 0);
}

}  // namespace
}  // namespace lgsp::events
