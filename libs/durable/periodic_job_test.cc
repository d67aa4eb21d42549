#include "libs/durable/periodic_job.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "libs/sql/fixture_test.h"

namespace lgsp::durable {
namespace {

TEST_CASE("a periodic job runs again and again, a failure changes nothing") {
  std::atomic<int> runs = 0;
  std::atomic<int> at_once = 0, overlapping = 0;
  {
    const PeriodicJob job("test", absl::Milliseconds(1), [&] {
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
  std::atomic<int> runs = 0;
  const absl::Time begin = absl::Now();
  {
    const PeriodicJob job("test", absl::Hours(1), [&] {
      ++runs;
      return absl::OkStatus();
    });
  }
  CHECK(runs == 0);
  CHECK(absl::Now() - begin < sql::kPatience);
}

TEST_CASE("the end of a periodic job waits for the run under way") {
  sql::Gate begun;
  std::atomic<bool> ended = false;
  {
    const PeriodicJob job("test", absl::Milliseconds(1), [&] {
      begun.Open();
      std::this_thread::yield();
      ended = true;
      return absl::OkStatus();
    });
    REQUIRE(begun.Wait());
  }
  CHECK(ended);
}

}  // namespace
}  // namespace lgsp::durable
