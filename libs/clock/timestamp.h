// Instants in messages: google.protobuf.Timestamp to the microsecond, as databases keep them.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"

namespace lgsp {

inline constexpr int32_t kNanosPerMicro = 1000;
inline constexpr int32_t kNanosPerSecond = 1'000'000'000;

// Also of what no valid timestamp says: the far future or past then, never an overflow.
inline absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Microseconds(timestamp.nanos() / kNanosPerMicro);
}

// Whether it has a text form: years 1 to 9999, nanoseconds within their second.
inline bool IsValid(const google::protobuf::Timestamp& timestamp) {
  using google::protobuf::util::TimeUtil;
  return timestamp.seconds() >= TimeUtil::kTimestampMinSeconds &&
         timestamp.seconds() <= TimeUtil::kTimestampMaxSeconds && timestamp.nanos() >= 0 &&
         timestamp.nanos() < kNanosPerSecond;
}

inline google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

}  // namespace lgsp
