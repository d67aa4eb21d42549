// gRPC over HTTP/2, as far as a relay must read and write it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::gateway {

// `application/grpc`, alone or with `+suffix` or `;parameters`.
bool IsGrpcContentType(absl::string_view value);

// The value of `grpc-timeout`: 1 to 8 digits and one of H M S m u n. Nothing when it is not.
std::optional<absl::Duration> ParseTimeout(absl::string_view value);
// As exact as 8 digits allow, rounded down; at least 1 ns.
std::string FormatTimeout(absl::Duration timeout);

// `traceparent` of version 00 (W3C Trace Context), not all zeros.
bool IsTraceparent(absl::string_view value);
std::string MakeTraceparent(uint64_t trace_high, uint64_t trace_low, uint64_t parent);

// What the trailers of a status hold: `grpc-message` percent-encoded, `grpc-status-details-bin` in
// base64 without padding (empty for OK).
struct StatusTrailers {
  std::string code;
  std::string message;
  std::string details;
};
StatusTrailers ToTrailers(const absl::Status& status);

// A message with its 5-byte prefix, uncompressed.
std::string Framed(absl::string_view message);

// Follows the length prefixes of a stream of messages, in whatever pieces it comes.
class LengthScanner {
 public:
  // False once a message is announced that is longer than `limit`: `message_bytes()` says how long.
  bool Scan(absl::string_view data, uint32_t limit);
  uint32_t message_bytes() const { return length_; }
  // True where the stream may end.
  bool between_messages() const { return prefix_ == 0 && left_ == 0; }

 private:
  uint32_t left_ = 0;    // of the current message
  uint32_t length_ = 0;  // of the current message, as far as read
  int prefix_ = 0;       // bytes of the prefix already read
};

}  // namespace lgsp::gateway
