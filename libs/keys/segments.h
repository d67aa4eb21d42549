// Sealing of content too long for memory: AES-256-GCM, segment by segment. DESIGN.md section 8.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/keys/envelope.h"

namespace lgsp::keys {

// Plain bytes of every segment but the last, which has 1 to as many.
inline constexpr size_t kSegmentBytes = 64 << 10;
// What sealing adds to each: its tag.
inline constexpr size_t kSegmentOverhead = 16;
inline constexpr size_t kSealedSegmentBytes = kSegmentBytes + kSegmentOverhead;

// The nonce is the segment's number and whether it is the last: what is cut off, appended, put in
// another order or taken from other content does not open. So a key seals one content only; nothing
// else may ever be sealed with it.
class SegmentSealer {
 public:
  explicit SegmentSealer(DataKey key) : key_(std::move(key)) {}

  // Appends to `sealed` what is complete of the content with `plain` at its end.
  void Update(absl::string_view plain, std::string& sealed);
  // Appends the last segment. The content must not be empty.
  void Finish(std::string& sealed);

 private:
  const DataKey key_;
  uint64_t number_ = 0;
  // Not sealed yet: it may be the last.
  std::string waiting_;
};

class SegmentOpener {
 public:
  explicit SegmentOpener(DataKey key) : key_(std::move(key)) {}

  // The next segment; `last`: nothing comes after it. DATA_LOSS SEALED_DATA_INVALID: another key,
  // changed bytes, another place, or not the last.
  absl::StatusOr<std::string> Open(absl::string_view sealed, bool last);

 private:
  const DataKey key_;
  uint64_t number_ = 0;
};

}  // namespace lgsp::keys
