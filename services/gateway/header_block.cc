#include "services/gateway/header_block.h"

namespace lgsp::gateway {

void HeaderBlock::Add(absl::string_view name, absl::string_view value, uint8_t flags) {
  entries_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                      static_cast<uint32_t>(value.size()), flags});
  text_.append(name.data(), name.size());
  text_.append(value.data(), value.size());
}

Header HeaderBlock::operator[](size_t i) const {
  const Entry& entry = entries_[i];
  const absl::string_view text(text_);
  return {text.substr(entry.at, entry.name_size),
          text.substr(entry.at + entry.name_size, entry.value_size), entry.flags};
}

absl::string_view HeaderBlock::Find(absl::string_view name) const {
  for (size_t i = 0; i < size(); ++i) {
    if (const Header header = (*this)[i]; header.name == name) return header.value;
  }
  return {};
}

void HeaderBlock::Clear() {
  text_.clear();
  entries_.clear();
}

void NameValues::Add(absl::string_view name, absl::string_view value, uint8_t flags) {
  // nghttp2 copies both when they are submitted; its struct merely lacks the const.
  list_.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                   value.size(), flags});
}

}  // namespace lgsp::gateway
