// PURE: the pieces of gRPC over HTTP/2 that a relay must know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/gateway/headers.h"

namespace lgsp::gateway {

inline constexpr char kGrpcType[] = "application/grpc";

// `grpc-timeout`: 1 to 8 digits and a unit of H M S m u n. INVALID_ARGUMENT TIMEOUT_INVALID.
absl::StatusOr<absl::Duration> ParseTimeout(absl::string_view text);
// Rounded up to what the 8 digits hold; at least 1n.
std::string FormatTimeout(absl::Duration timeout);

// Fields that tell a gRPC client how its call ended: grpc-status, grpc-message,
// grpc-status-details-bin.
Headers StatusFields(const absl::Status& status);

// A message with its 5-byte prefix.
std::string FrameMessage(absl::string_view message);

// Follows the length prefixes of a message stream, cut anywhere.
class PrefixScanner {
 public:
  explicit PrefixScanner(size_t max_message_bytes) : max_(max_message_bytes) {}
  // RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE as soon as a prefix announces too much.
  absl::Status Scan(absl::string_view data);

 private:
  const size_t max_;
  uint32_t left_ = 0;       // of the message under way
  uint32_t announced_ = 0;  // the length read so far
  int prefix_ = 0;          // bytes of the prefix read
};

// The first whole message at the begin of `bytes`, and how many bytes it took with its prefix;
// nothing when it is not complete. INVALID_ARGUMENT MESSAGE_COMPRESSED, RESOURCE_EXHAUSTED
// MESSAGE_TOO_LARGE.
absl::StatusOr<std::optional<absl::string_view>> TakeMessage(absl::string_view bytes,
                                                             size_t max_message_bytes,
                                                             size_t& taken);

}  // namespace lgsp::gateway
