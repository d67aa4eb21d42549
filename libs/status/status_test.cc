#include "libs/status/status.h"

#include <catch2/catch.hpp>

#include "google/rpc/error_details.pb.h"

namespace lgsp {
namespace {

TEST_CASE("an error survives the wire with code, message and details") {
  const absl::Status sent =
      WithRetryDelay(MakeError(absl::StatusCode::kResourceExhausted, "QUOTA_EXHAUSTED",
                               "too many calls", {{"agreement", "agreements/a"}}),
                     absl::Milliseconds(1500));
  const absl::Status received = FromRpcStatus(ToRpcStatus(sent));
  CHECK(received == sent);
  CHECK(ErrorReason(received) == "QUOTA_EXHAUSTED");
  const google::rpc::Status wire = ToRpcStatus(sent);
  REQUIRE(wire.details_size() == 2);
  google::rpc::RetryInfo retry;
  bool found = false;
  for (const auto& detail : wire.details()) found |= detail.UnpackTo(&retry);
  REQUIRE(found);
  CHECK(retry.retry_delay().seconds() == 1);
  CHECK(retry.retry_delay().nanos() == 500000000);
}

TEST_CASE("a field error names its field") {
  const google::rpc::Status wire = ToRpcStatus(MakeFieldError("TEXT_EMPTY", "reason", "is empty"));
  CHECK(wire.code() == 3);
  CHECK(wire.message() == "reason: is empty");
  google::rpc::BadRequest bad_request;
  bool found = false;
  for (const auto& detail : wire.details()) found |= detail.UnpackTo(&bad_request);
  REQUIRE(found);
  CHECK(bad_request.field_violations(0).field() == "reason");
}

TEST_CASE("a status without details has no reason") {
  CHECK(ErrorReason(absl::NotFoundError("x")) == "");
  CHECK(ErrorReason(absl::OkStatus()) == "");
}

absl::StatusOr<int> Halve(int n) {
  if (n % 2 != 0) return MakeError(absl::StatusCode::kInvalidArgument, "ODD", "odd");
  return n / 2;
}
absl::StatusOr<int> Quarter(int n) {
  ASSIGN_OR_RETURN(const int half, Halve(n));
  ASSIGN_OR_RETURN(const int quarter, Halve(half));
  return quarter;
}

TEST_CASE("ASSIGN_OR_RETURN passes values and errors") {
  CHECK(*Quarter(8) == 2);
  CHECK(ErrorReason(Quarter(6).status()) == "ODD");
}

TEST_CASE("only the four curable codes are transient") {
  int transient = 0;
  for (int code = 0; code <= 16; ++code) {
    transient += IsTransient(absl::Status(static_cast<absl::StatusCode>(code), "x")) ? 1 : 0;
  }
  CHECK(transient == 4);
  CHECK(IsTransient(absl::UnavailableError("x")));
  CHECK_FALSE(IsTransient(absl::InternalError("x")));
}

}  // namespace
}  // namespace lgsp
