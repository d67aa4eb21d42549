#include "libs/durable/periodic_job.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/sql/fixture_test.h"

namespace lgsp::durable {
namespace {

// The value of a gauge of the task "test".
double ValueOf(const metrics::Registry& metrics, absl::string_view name) {
  const std::string text = metrics.Text();
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(absl::StrCat(name, "{task=\"test\"} "), 1));
  REQUIRE(parts.size() == 2);
  const std::vector<absl::string_view> lines = absl::StrSplit(parts[1], absl::MaxSplits('\n', 1));
  double value = 0;
  REQUIRE(absl::SimpleAtod(lines[0], &value));
  return value;
}

TEST_CASE("a periodic job runs again and again, a failure changes nothing") {
  metrics::Registry metrics;
  std::atomic<int> runs = 0;
  std::atomic<int> at_once = 0, overlapping = 0;
  {
    const PeriodicJob job("test", absl::Milliseconds(1), &metrics, [&] {
      if (++at_once > 1) ++overlapping;
      const int run = ++runs;
      --at_once;
      return run % 2 == 0 ? absl::OkStatus() : absl::UnavailableError("not now");
    });
    CHECK(sql::Eventually([&] { return runs >= 5; }));
  }
  const int after = runs;
  CHECK(after >= 5);
  CHECK(overlapping == 0);
}

TEST_CASE("a periodic job that is not due yet ends at once and did not run") {
  metrics::Registry metrics;
  std::atomic<int> runs = 0;
  const absl::Time begin = absl::Now();
  {
    const PeriodicJob job("test", absl::Hours(1), &metrics, [&] {
      ++runs;
      return absl::OkStatus();
    });
  }
  CHECK(runs == 0);
  CHECK(absl::Now() - begin < sql::kPatience);
}

TEST_CASE("the end of a periodic job waits for the run under way") {
  metrics::Registry metrics;
  sql::Gate begun;
  std::atomic<bool> ended = false;
  {
    const PeriodicJob job("test", absl::Milliseconds(1), &metrics, [&] {
      begun.Open();
      std::this_thread::yield();
      ended = true;
      return absl::OkStatus();
    });
    REQUIRE(begun.Wait());
  }
  CHECK(ended);
}

TEST_CASE("the metrics of a periodic job tell one that goes well from one that fails each time") {
  constexpr char kSuccessTime[] = "periodic_job_success_time_seconds";
  metrics::Registry metrics;
  std::atomic<int> runs = 0;
  std::atomic<bool> fails = true;
  const PeriodicJob job("test", absl::Milliseconds(1), &metrics, [&] {
    ++runs;
    return fails ? absl::UnavailableError("not now") : absl::OkStatus();
  });
  const double begin = ValueOf(metrics, kSuccessTime);
  CHECK(begin > 0);
  CHECK(ValueOf(metrics, "periodic_job_interval_seconds") == Approx(0.001));
  REQUIRE(sql::Eventually([&] { return runs >= 5; }));
  CHECK(ValueOf(metrics, kSuccessTime) == begin);
  fails = false;
  CHECK(sql::Eventually([&] { return ValueOf(metrics, kSuccessTime) > begin; }));
}

}  // namespace
}  // namespace lgsp::durable
