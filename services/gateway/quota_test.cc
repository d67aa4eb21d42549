#include "services/gateway/quota.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "google/protobuf/util/time_util.h"
#include "google/rpc/error_details.pb.h"
#include "libs/status/status.h"
#include "libs/testing/metric_value.h"
#include "libs/testing/redis.h"
#include "services/gateway/gateway_fixture_test.h"

namespace lgsp::gateway {
namespace {

using google::protobuf::util::TimeUtil;

constexpr SteadyNanos kSecond = 1'000'000'000;

registry::v1::Quota Terms(uint32_t calls, uint32_t burst = 0, SteadyNanos period = kSecond) {
  registry::v1::Quota terms;
  terms.set_calls(calls);
  terms.set_burst(burst);
  *terms.mutable_period() = TimeUtil::NanosecondsToDuration(period);
  return terms;
}

SteadyNanos Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// One gateway that counts with the others at `address`.
struct Node {
  explicit Node(const std::string& address)
      : table(std::make_unique<redis::Client>(redis::Options{address, ""}, &clock), &metrics) {
    table.Start([this] { trips.fetch_add(1); });
  }
  // The answer, after as many trips as it takes.
  Quota::Take Take(Quota& quota) {
    while (true) {
      const int seen = trips;
      const Quota::Take take = quota.TakeOne(Now());
      if (take.answer != Quota::Answer::kAsked) return take;
      while (trips == seen) std::this_thread::yield();
    }
  }

  // Waits for a trip that began after now.
  void Trip() {
    const int seen = trips;
    while (trips < seen + 2) {
      table.Find("agreements/other", Terms(1));
      std::this_thread::yield();
    }
  }

  SystemClock clock;
  metrics::Registry metrics;
  std::atomic<int> trips{0};
  QuotaTable table;
};

TEST_CASE("quota: as many at once as the bucket holds, then as they come in") {
  Quota quota([] { FAIL("nothing is leased"); });
  quota.SetTerms(Terms(10, 3));
  const SteadyNanos begin = 5 * kSecond;
  const auto taken = [&](SteadyNanos now) {
    return quota.TakeOne(now).answer == Quota::Answer::kTaken;
  };
  for (int i = 0; i < 3; ++i) CHECK(taken(begin));
  const Quota::Take refused = quota.TakeOne(begin);
  CHECK(refused.answer == Quota::Answer::kRefused);
  CHECK(refused.retry_after == absl::Milliseconds(100));
  CHECK_FALSE(taken(begin + kSecond / 10 - 1));
  CHECK(taken(begin + kSecond / 10));
  CHECK_FALSE(taken(begin + kSecond / 10));
  // A long pause fills it, and no more than fills it.
  for (int i = 0; i < 3; ++i) CHECK(taken(begin + 60 * kSecond));
  CHECK_FALSE(taken(begin + 60 * kSecond));
  quota.SetTerms(Terms(20, 3));
  CHECK(taken(begin + 60 * kSecond + kSecond / 5));
}

TEST_CASE("quota: terms that are none") {
  CHECK(Quota::IsValid(Terms(1)));
  CHECK(Quota::IsValid(Terms(1, 0, 86'400 * kSecond)));
  CHECK_FALSE(Quota::IsValid(Terms(0)));
  CHECK_FALSE(Quota::IsValid(Terms(1, 0, 0)));
  CHECK_FALSE(Quota::IsValid(Terms(1, 0, 86'401 * kSecond)));
  registry::v1::Quota plain;
  plain.set_calls(5);
  CHECK(Quota::IsValid(plain));
}

TEST_CASE("quota: two gateways together let through what one bucket has") {
  const testing::RedisServer redis;
  const uint32_t calls = GENERATE(20, 2000);
  const auto terms = Terms(calls, calls / 2);
  Node one(redis.address()), two(redis.address());
  std::atomic<bool> stop{false};
  std::atomic<int64_t> taken[2] = {};
  const auto load = [&](Node& node, std::atomic<int64_t>& count) {
    const auto quota = node.table.Find("agreements/a", terms);
    node.Trip();  // until it is leased, a gateway counts for itself
    while (!stop) {
      if (node.Take(*quota).answer == Quota::Answer::kTaken) count.fetch_add(1);
      std::this_thread::yield();
    }
  };
  const SteadyNanos begin = Now();
  std::thread first([&] { load(one, taken[0]); }), second([&] { load(two, taken[1]); });
  while (taken[0] + taken[1] < 3 * int64_t{terms.burst()}) std::this_thread::yield();
  stop = true;
  first.join();
  second.join();
  const double seconds = static_cast<double>(Now() - begin) / kSecond;
  const double allowed = terms.burst() + seconds * calls;
  INFO(taken[0] << " and " << taken[1] << " of " << allowed);
  CHECK(static_cast<double>(taken[0] + taken[1]) <= 1.05 * allowed);
  CHECK(static_cast<double>(taken[0] + taken[1]) >= terms.burst());
}

TEST_CASE("quota: without Redis a gateway counts for itself, and with it again together") {
  testing::RedisServer redis;
  Node node(redis.address());
  const auto quota = node.table.Find("agreements/a", Terms(1'000'000, 1000));
  node.Trip();
  CHECK(testing::MetricValue(node.metrics, "gateway_quotas_alone") == 0);
  redis.Kill();
  node.Trip();
  CHECK(testing::MetricValue(node.metrics, "gateway_quotas_alone") == 1);
  CHECK(quota->TakeOne(Now()).answer == Quota::Answer::kTaken);
  redis.Start();
  // There is a pause between two attempts to connect; a test that never ends has failed.
  while (testing::MetricValue(node.metrics, "gateway_quotas_alone") == 1) node.Trip();
  CHECK(node.Take(*quota).answer == Quota::Answer::kTaken);
}

// The details of a refusal.
template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail out;
  const google::rpc::Status rpc = ToRpcStatus(status);
  for (const auto& any : rpc.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&out);
  }
  return out;
}

TEST_CASE("quota: a call too many is refused, with whose limit it is and when to come again") {
  GatewayFixture fixture;
  const testing::RedisServer redis;
  if (GENERATE(false, true)) fixture.config.set_redis_address(redis.address());
  *fixture.snapshot.mutable_agreements(0)->mutable_quota() = Terms(2, 2, 3600 * kSecond);
  fixture.Start();
  H2Peer& client = fixture.Client();
  for (int i = 0; i < 2; ++i) {
    const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
    const Arrival arrival = fixture.NextArrival();
    arrival.peer->Respond(arrival.id, kAnswerHead);
    arrival.peer->End(arrival.id, kOkTrailers);
    CHECK(fixture.Finish(client, id).ok());
  }
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  const absl::Status refused = fixture.Finish(client, id);
  CHECK(ErrorReason(refused) == "QUOTA_EXCEEDED");
  CHECK(absl::IsResourceExhausted(refused));
  const auto failure = DetailOf<google::rpc::QuotaFailure>(refused);
  REQUIRE(failure.violations_size() == 1);
  CHECK(failure.violations(0).subject() == "agreements/alpha-echo");
  const int64_t after = DetailOf<google::rpc::RetryInfo>(refused).retry_delay().seconds();
  CHECK(after > 1700);
  CHECK(after <= 1800);
}

TEST_CASE("quota: nobody is refused because Redis is silent") {
  GatewayFixture fixture;
  testing::RedisServer redis;
  fixture.config.set_redis_address(redis.address());
  *fixture.snapshot.mutable_agreements(0)->mutable_quota() = Terms(1000);
  fixture.Start();
  // Leased, as a call shows; then Redis is silent.
  const auto call = [&](H2Peer& client) {
    const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
    const Arrival arrival = fixture.NextArrival();
    arrival.peer->Respond(arrival.id, kAnswerHead);
    arrival.peer->End(arrival.id, kOkTrailers);
    return fixture.Finish(client, id).ok();
  };
  CHECK(call(fixture.Client()));
  redis.Pause();
  H2Peer& client = fixture.Client();
  for (int i = 0; i < 100; ++i) CHECK(call(client));  // more than was leased before
  CHECK(fixture.Metric("gateway_quotas_alone") == 1);
  redis.Resume();
}

}  // namespace
}  // namespace lgsp::gateway
