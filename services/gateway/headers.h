// Header fields of one block, in the order they came. All in one buffer: a call has forty of them,
// and a string each would cost more than relaying it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"

namespace lgsp::gateway {

// Valid as long as the block that it is of, unchanged.
struct Header {
  absl::string_view name;
  absl::string_view value;
};

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> fields) {
    for (const Header& field : fields) push_back(field);
  }

  // Room for names and values of `bytes`.
  void Reserve(size_t bytes) { bytes_.reserve(bytes); }
  // At most 4 GiB in all; the gateway takes less (kMaxHeaderBytes).
  void push_back(const Header& field) { Add(field.name, field.value); }
  void Add(absl::string_view name, absl::string_view value) {
    if (bytes_.empty()) bytes_.reserve(kFewBytes);
    entries_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(name.size()),
                        static_cast<uint32_t>(value.size())});
    bytes_.append(name.data(), name.size());
    bytes_.append(value.data(), value.size());
  }
  void Append(const Headers& other) {
    for (size_t i = 0; i < other.size(); ++i) push_back(other[i]);
  }
  void clear() {
    entries_.clear();
    bytes_.clear();
  }
  void swap(Headers& other) {
    bytes_.swap(other.bytes_);
    entries_.swap(other.entries_);
  }

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Header operator[](size_t i) const {
    const Entry& entry = entries_[i];
    const absl::string_view bytes = bytes_;
    return {bytes.substr(entry.begin, entry.name),
            bytes.substr(entry.begin + entry.name, entry.value)};
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Header;
    using difference_type = std::ptrdiff_t;
    using pointer = const Header*;
    using reference = Header;
    Iterator(const Headers* headers, size_t at) : headers_(headers), at_(at) {}
    Header operator*() const { return (*headers_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Headers* headers_;
    size_t at_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  // Trailers, or the head of an answer.
  static constexpr size_t kFewBytes = 192;
  struct Entry {
    uint32_t begin, name, value;
  };
  std::string bytes_;
  absl::InlinedVector<Entry, 16> entries_;
};

}  // namespace lgsp::gateway
