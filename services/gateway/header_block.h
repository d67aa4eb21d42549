// The headers of one message as they came, and as they are handed to nghttp2.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"

namespace lgsp::gateway {

// One header; views into its HeaderBlock.
struct Header {
  absl::string_view name;
  absl::string_view value;
  // NGHTTP2_NV_FLAG_NO_INDEX where the sender forbade indexing.
  uint8_t flags = 0;
};

// Headers in their order, in one piece of memory.
class HeaderBlock {
 public:
  void Add(absl::string_view name, absl::string_view value, uint8_t flags);
  size_t size() const { return entries_.size(); }
  Header operator[](size_t i) const;
  // As RFC 9113 counts: names, values, 32 for each.
  size_t bytes() const { return text_.size() + 32 * entries_.size(); }
  // The value of the first header so called; empty when there is none.
  absl::string_view Find(absl::string_view name) const;
  void Clear();

 private:
  struct Entry {
    uint32_t at;
    uint32_t name_size;
    uint32_t value_size;
    uint8_t flags;
  };
  std::string text_;
  absl::InlinedVector<Entry, 24> entries_;
};

// The array nghttp2 wants. Holds views: what was added must live until it is submitted.
class NameValues {
 public:
  void Add(absl::string_view name, absl::string_view value,
           uint8_t flags = NGHTTP2_NV_FLAG_NONE);
  const nghttp2_nv* data() const { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  absl::InlinedVector<nghttp2_nv, 32> list_;
};

}  // namespace lgsp::gateway
