// Bytes on their way from one leg to the other.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace lgsp::gateway {

// A queue of bytes that keeps its memory; bounded by the window that its sender was given.
class Body {
 public:
  void Append(absl::string_view data) { bytes_.append(data.data(), data.size()); }
  size_t size() const { return bytes_.size() - begin_; }
  bool empty() const { return size() == 0; }
  size_t Take(uint8_t* out, size_t max) {
    const size_t n = std::min(max, size());
    memcpy(out, bytes_.data() + begin_, n);
    begin_ += n;
    if (begin_ == bytes_.size()) Clear();
    return n;
  }
  void Clear() {
    bytes_.clear();
    begin_ = 0;
  }
  // All that waits, for those who read whole messages.
  std::string& Whole() {
    bytes_.erase(0, begin_);
    begin_ = 0;
    return bytes_;
  }

  // Nothing more will come.
  bool ended = false;

 private:
  std::string bytes_;
  size_t begin_ = 0;
};

}  // namespace lgsp::gateway
