#include "libs/http/circuit_breaker.h"

#include <catch2/catch.hpp>

namespace lgsp::http {
namespace {

using Permit = CircuitBreaker::Permit;

class Breaker {
 public:
  FakeClock clock{absl::FromUnixSeconds(1'800'000'000)};
  CircuitBreaker breaker{3, absl::Seconds(5), &clock};

  void Call(bool answered) {
    const Permit permit = breaker.Admit();
    REQUIRE(permit != Permit::kRefused);
    breaker.Record(permit, answered);
  }
  void Open() {
    for (int i = 0; i < 3; ++i) Call(false);
    REQUIRE(breaker.Admit() == Permit::kRefused);
  }
};

TEST_CASE("only failures in a row open the circuit") {
  Breaker b;
  for (int i = 0; i < 10; ++i) {
    b.Call(false);
    b.Call(false);
    b.Call(true);
  }
  b.Open();
}

TEST_CASE("after the open time exactly one call tries, and its answer closes the circuit") {
  Breaker b;
  b.Open();
  b.clock.Advance(absl::Milliseconds(4999));
  CHECK(b.breaker.Admit() == Permit::kRefused);
  b.clock.Advance(absl::Milliseconds(1));
  CHECK(b.breaker.Admit() == Permit::kTrial);
  CHECK(b.breaker.Admit() == Permit::kRefused);
  b.breaker.Record(Permit::kTrial, true);
  b.Call(false);
  b.Call(false);
  CHECK(b.breaker.Admit() == Permit::kCall);
}

TEST_CASE("a trial that fails keeps the circuit open for the whole time again") {
  Breaker b;
  b.Open();
  b.clock.Advance(absl::Seconds(5));
  CHECK(b.breaker.Admit() == Permit::kTrial);
  b.clock.Advance(absl::Seconds(1));
  b.breaker.Record(Permit::kTrial, false);
  b.clock.Advance(absl::Milliseconds(4999));
  CHECK(b.breaker.Admit() == Permit::kRefused);
  b.clock.Advance(absl::Milliseconds(1));
  CHECK(b.breaker.Admit() == Permit::kTrial);
}

TEST_CASE("calls that began before the circuit opened end late") {
  Breaker b;
  CHECK(b.breaker.Admit() == Permit::kCall);
  CHECK(b.breaker.Admit() == Permit::kCall);
  b.Open();
  b.clock.Advance(absl::Seconds(4));
  b.breaker.Record(Permit::kCall, false);  // does not prolong
  b.clock.Advance(absl::Seconds(1));
  CHECK(b.breaker.Admit() == Permit::kTrial);
  b.breaker.Record(Permit::kCall, false);  // does not end the trial
  CHECK(b.breaker.Admit() == Permit::kRefused);
  b.breaker.Record(Permit::kTrial, false);
  b.breaker.Record(Permit::kCall, true);  // an answer is an answer
  CHECK(b.breaker.Admit() == Permit::kCall);
}

TEST_CASE("a clock that is set back does not keep the circuit open") {
  Breaker b;
  b.Open();
  b.clock.Advance(-absl::Hours(1));
  CHECK(b.breaker.Admit() == Permit::kTrial);
}

}  // namespace
}  // namespace lgsp::http
