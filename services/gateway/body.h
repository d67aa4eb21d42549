// Bytes on their way from one leg to the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace lgsp::gateway {

// A queue of bytes; bounded by the window that its sender was given.
class Body {
 public:
  void Append(absl::string_view data) { bytes_.append(data.data(), data.size()); }
  size_t size() const { return bytes_.size() - begin_; }
  bool empty() const { return size() == 0; }
  // What waits.
  absl::string_view View() const { return absl::string_view(bytes_).substr(begin_); }

  size_t Take(uint8_t* out, size_t max) {
    const size_t n = std::min(max, size());
    if (n > 0) memcpy(out, bytes_.data() + begin_, n);
    Skip(n);
    return n;
  }
  void Skip(size_t n) {
    begin_ += n;
    // Moving no more than was taken, so that each byte is moved once at most; otherwise a queue
    // that is never quite empty would grow for ever.
    if (begin_ < size()) return;
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  void Clear() { Skip(size()); }

  // Nothing more will come.
  bool ended = false;

 private:
  std::string bytes_;
  size_t begin_ = 0;
};

}  // namespace lgsp::gateway
