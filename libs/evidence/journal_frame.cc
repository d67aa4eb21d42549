#include "libs/evidence/journal_frame.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "libs/evidence/crc32c.h"

namespace lgsp::evidence {
namespace {

constexpr absl::string_view kMagic = "LGSPEVJ1";

template <typename T>
char* Put(T value, char* out) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  return out + sizeof(T);
}

template <typename T>
T Take(absl::string_view* in) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<uint8_t>((*in)[i]);
  in->remove_prefix(sizeof(T));
  return value;
}

bool CrcHolds(absl::string_view head) {
  absl::string_view crc = head.substr(head.size() - 4);
  return Take<uint32_t>(&crc) == Crc32c(head.substr(0, head.size() - 4));
}

}  // namespace

std::string SegmentHead(absl::string_view salt, uint64_t first) {
  std::string head(kSegmentHeadBytes, '\0');
  char* out = std::copy(kMagic.begin(), kMagic.end(), head.data());
  out = Put(first, std::copy(salt.begin(), salt.end(), out));
  Put(Crc32c(absl::string_view(head).substr(0, kSegmentHeadBytes - 4)), out);
  return head;
}

bool ParseSegmentHead(absl::string_view content, uint64_t first, absl::string_view* salt) {
  if (content.size() < kSegmentHeadBytes || !absl::StartsWith(content, kMagic) ||
      !CrcHolds(content.substr(0, kSegmentHeadBytes))) {
    return false;
  }
  *salt = content.substr(kMagic.size(), kSaltBytes);
  content.remove_prefix(kMagic.size() + kSaltBytes);
  return Take<uint64_t>(&content) == first;
}

void PutFrameHead(absl::string_view salt, const FrameHead& head, char* out) {
  const char* const begin = out;
  out = Put(head.durable, Put(head.first, std::copy(salt.begin(), salt.end(), out)));
  out = Put(head.payload_crc, Put(head.payload_bytes, Put(head.count, out)));
  Put(Crc32c(absl::string_view(begin, kFrameHeadBytes - 4)), out);
}

bool ParseFrameHead(absl::string_view content, absl::string_view salt, FrameHead* head) {
  if (content.size() < kFrameHeadBytes || !absl::StartsWith(content, salt) ||
      !CrcHolds(content.substr(0, kFrameHeadBytes))) {
    return false;
  }
  content.remove_prefix(kSaltBytes);
  head->first = Take<uint64_t>(&content);
  head->durable = Take<uint64_t>(&content);
  head->count = Take<uint32_t>(&content);
  head->payload_bytes = Take<uint32_t>(&content);
  head->payload_crc = Take<uint32_t>(&content);
  return true;
}

}  // namespace lgsp::evidence
