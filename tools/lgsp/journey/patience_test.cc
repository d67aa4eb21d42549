#include "tools/lgsp/journey/patience.h"

#include <catch2/catch.hpp>
#include <thread>

#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

absl::Status Unavailable() {
  return MakeError(absl::StatusCode::kUnavailable, "PORTAL_UNAVAILABLE", "gone");
}

TEST_CASE("what may be sent again as it is") {
  CHECK(MayRepeat(Unavailable()));
  CHECK(MayRepeat(absl::DeadlineExceededError("")));
  CHECK(MayRepeat(absl::ResourceExhaustedError("")));
  CHECK(MayRepeat(MakeError(absl::StatusCode::kAborted, "REVISION_CONFLICT", "busy")));
  CHECK_FALSE(MayRepeat(MakeError(absl::StatusCode::kAborted, "ETAG_STALE", "changed")));
  CHECK_FALSE(MayRepeat(MakeError(absl::StatusCode::kAborted, "REQUEST_ID_REUSED", "other body")));
  CHECK_FALSE(MayRepeat(absl::UnauthenticatedError("")));
  CHECK_FALSE(MayRepeat(absl::PermissionDeniedError("")));
  CHECK_FALSE(MayRepeat(absl::OkStatus()));
}

TEST_CASE("repeats until it is answered") {
  Patience patience(absl::Now() + absl::Minutes(1));
  int calls = 0;
  const auto answer = patience.Repeat([&]() -> absl::StatusOr<int> {
    if (++calls < 3) return Unavailable();
    return 7;
  });
  REQUIRE(answer.ok());
  CHECK(*answer == 7);
  CHECK(calls == 3);
  CHECK(patience.answered());
}

TEST_CASE("a refusal is an answer") {
  Patience patience(absl::Now() + absl::Minutes(1));
  int calls = 0;
  const auto answer = patience.Repeat([&]() -> absl::StatusOr<int> {
    ++calls;
    return absl::PermissionDeniedError("");
  });
  CHECK(absl::IsPermissionDenied(answer.status()));
  CHECK(calls == 1);
}

TEST_CASE("ends with the last failure at its limit, and when it is stopped") {
  Patience late(absl::Now() - absl::Seconds(1));
  CHECK(late.Over());
  CHECK(absl::IsUnavailable(
      late.Repeat([]() -> absl::StatusOr<int> { return Unavailable(); }).status()));
  CHECK_FALSE(late.answered());

  Patience stopped(absl::InfiniteFuture());
  std::thread stop([&] { stopped.Stop(); });
  stopped.Wait(absl::InfiniteDuration());
  CHECK(stopped.Over());
  stop.join();
}

TEST_CASE("the platform's advice when to come back") {
  CHECK(RetryDelay(WithRetryDelay(Unavailable(), absl::Milliseconds(1500))) ==
        absl::Milliseconds(1500));
  CHECK(RetryDelay(Unavailable()) == absl::ZeroDuration());
}

}  // namespace
}  // namespace lgsp::cli
