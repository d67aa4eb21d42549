// Bytes of one direction of one exchange, between the leg that reads them and the leg that writes
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace lgsp::gateway {

class ByteQueue {
 public:
  void Append(absl::string_view data);
  // What waits, in one piece; valid until the next call.
  absl::string_view Waiting() const;
  size_t size() const { return data_.size() - head_; }
  bool empty() const { return head_ == data_.size(); }

  // Moves at most `limit` bytes to `out`.
  size_t Take(uint8_t* out, size_t limit);
  void Drop(size_t n);

  // Taken bytes are kept as long as they are at most `bytes` in all.
  void KeepTaken(size_t bytes) { keep_ = bytes; }
  // Makes everything ever appended wait again. False, and nothing done, when some of it is gone.
  bool Rewind();

  // Empty, as new; memory is kept up to kKeepBytes.
  void Clear();

 private:
  std::string data_;
  size_t head_ = 0;
  size_t keep_ = 0;
  bool whole_ = true;  // data_ begins with the first byte ever appended
};

}  // namespace lgsp::gateway
