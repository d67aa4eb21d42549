// The heads of segments and frames as bytes; see journal.h. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace lgsp::evidence {

inline constexpr size_t kSaltBytes = 8;
inline constexpr size_t kSegmentHeadBytes = 28;
inline constexpr size_t kFrameHeadBytes = 40;

struct FrameHead {
  uint64_t first = 0;
  uint64_t durable = 0;
  uint32_t count = 0;
  uint32_t payload_bytes = 0;
  uint32_t payload_crc = 0;
};

std::string SegmentHead(absl::string_view salt, uint64_t first);
// Whether `content` begins with the head of the segment of `first`; then `salt` is its salt.
bool ParseSegmentHead(absl::string_view content, uint64_t first, absl::string_view* salt);

// Writes kFrameHeadBytes to `out`.
void PutFrameHead(absl::string_view salt, const FrameHead& head, char* out);
// Whether `content` begins with a whole head; its payload may be missing or damaged.
bool ParseFrameHead(absl::string_view content, absl::string_view salt, FrameHead* head);

}  // namespace lgsp::evidence
