// PURE: the records of a call as bytes (lgsp.evidence.v1.Record). Written field by field, for two
// of them are made for every call, and a message built first would cost three times as much.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/evidence/v1/record.pb.h"

namespace lgsp::gateway {

// Fields as in Intent; `caller` is serialized.
struct IntentParts {
  absl::string_view exchange_id;
  absl::Time time;
  absl::string_view caller;
  absl::string_view path;
  absl::string_view traceparent;
  absl::string_view head_sha256;
};
std::string IntentRecord(const IntentParts& parts);

// Fields as in Outcome.
struct OutcomeParts {
  absl::string_view exchange_id;
  absl::Time time;
  lgsp::evidence::v1::Outcome::End end = lgsp::evidence::v1::Outcome::END_UNSPECIFIED;
  int grpc_status = 0;
  absl::string_view reason;
  absl::string_view request_sha256;
  int64_t request_bytes = 0;
  absl::string_view response_sha256;
  int64_t response_bytes = 0;
  int http_status = 0;
};
std::string OutcomeRecord(const OutcomeParts& parts);

}  // namespace lgsp::gateway
