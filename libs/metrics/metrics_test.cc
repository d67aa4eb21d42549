#include "libs/metrics/metrics.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "libs/status/status.h"

namespace lgsp::metrics {
namespace {

TEST_CASE("handles of one name and labels are one metric") {
  Registry registry;
  Counter a = registry.GetCounter("calls_total", "Calls.", {{"code", "OK"}});
  Counter b = registry.GetCounter("calls_total", "Calls.", {{"code", "OK"}});
  Counter other = registry.GetCounter("calls_total", "Calls.", {{"code", "NOT_FOUND"}});
  a.Add();
  b.Add(2);
  other.Add();
  CHECK(registry.Text().find("calls_total{code=\"OK\"} 3") != std::string::npos);
  CHECK(registry.Text().find("calls_total{code=\"NOT_FOUND\"} 1") != std::string::npos);
}

TEST_CASE("gauges and histograms show") {
  Registry registry;
  Gauge gauge = registry.GetGauge("queue_length", "Waiting.");
  gauge.Set(5);
  gauge.Add(-2);
  registry.GetHistogram("call_seconds", "Time.").Observe(0.002);
  CHECK(registry.Text().find("queue_length 3") != std::string::npos);
  CHECK(registry.Text().find("call_seconds_bucket{le=\"0.0025\"} 1") != std::string::npos);
  CHECK(registry.Text().find("call_seconds_bucket{le=\"0.001\"} 0") != std::string::npos);
}

TEST_CASE("a default handle does nothing") {
  Counter counter;
  counter.Add();
  SUCCEED();
}

TEST_CASE("the port is reported, and a taken one is an error") {
  Registry registry;
  auto port = registry.Serve("127.0.0.1:0");
  REQUIRE(port.ok());
  CHECK(*port > 0);
  Registry second;
  auto taken = second.Serve("127.0.0.1:" + std::to_string(*port));
  CHECK(ErrorReason(taken.status()) == "METRICS_PORT_TAKEN");
}

TEST_CASE("a registry that is served ends at once, and its port is free again") {
  for (const std::string host : {"127.0.0.1:", "0.0.0.0:", ""}) {
    auto registry = std::make_unique<Registry>();
    const auto port = registry->Serve(host + "0");
    INFO(host << " " << port.status());
    REQUIRE(port.ok());
    const absl::Time begin = absl::Now();
    registry.reset();
    // By itself the server would need up to two seconds, on average one.
    CHECK(absl::Now() - begin < absl::Milliseconds(700));
    Registry next;
    CHECK(next.Serve(host + std::to_string(*port)).ok());
  }
}

}  // namespace
}  // namespace lgsp::metrics
