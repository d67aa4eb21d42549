// Held to what protobuf itself writes of the same.
#include "services/gateway/evidence_records.h"

#include <catch2/catch.hpp>

#include "libs/clock/timestamp.h"

namespace lgsp::gateway {
namespace {

using lgsp::evidence::v1::Outcome;
using lgsp::evidence::v1::Record;

TEST_CASE("evidence records: the bytes are those of protobuf") {
  const absl::Time time =
      GENERATE(absl::UnixEpoch(), absl::FromUnixNanos(1'800'000'000'000'000'001),
               absl::FromUnixMicros(1'800'000'000'999'999));
  const std::string text =
      GENERATE(std::string(), std::string("x"), std::string(200, 'y'), std::string(20'000, 'z'));
  lgsp::auth::v1::Caller caller;
  caller.set_system(text);
  caller.set_aud("a.B");
  Record record;
  auto& intent = *record.mutable_intent();
  intent.set_exchange_id(text);
  *intent.mutable_time() = ToTimestamp(time);
  *intent.mutable_caller() = caller;
  intent.set_path("/a.B/C");
  intent.set_traceparent(text);
  intent.set_head_sha256(text);
  CHECK(IntentRecord({text, time, caller.SerializeAsString(), "/a.B/C", text, text}) ==
        record.SerializeAsString());
  auto& outcome = *record.mutable_outcome();
  outcome.set_exchange_id(text);
  *outcome.mutable_time() = ToTimestamp(time);
  outcome.set_end(Outcome::FAILED);
  outcome.set_grpc_status(14);
  outcome.set_reason(text);
  outcome.set_request_sha256(text);
  outcome.set_request_bytes(static_cast<int64_t>(text.size()));
  outcome.set_response_sha256(text);
  outcome.set_response_bytes(int64_t{1} << 40);
  OutcomeParts parts{text, time, Outcome::FAILED, 14, text, text, 0, text, int64_t{1} << 40};
  parts.request_bytes = static_cast<int64_t>(text.size());
  CHECK(OutcomeRecord(parts) == record.SerializeAsString());
}

TEST_CASE("evidence records: a caller of whom nothing is known is there, and empty") {
  Record record;
  *record.mutable_intent()->mutable_time() = ToTimestamp(absl::UnixEpoch());
  record.mutable_intent()->mutable_caller();
  CHECK(IntentRecord({"", absl::UnixEpoch(), "", "", "", ""}) == record.SerializeAsString());
}

}  // namespace
}  // namespace lgsp::gateway
