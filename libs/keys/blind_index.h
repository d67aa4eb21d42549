// Searching for what is sealed: a keyed token stands for a value, equal for equal values. DESIGN.md
// section 8.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::keys {

// Of one key. Immutable, thread-safe.
class BlindIndex {
 public:
  // A text file of 64 hex digits, mode 0600. FAILED_PRECONDITION INDEX_KEY_INVALID and those of
  // config::ReadSecret.
  static absl::StatusOr<BlindIndex> FromFile(absl::string_view path);
  // `key`: 32 bytes.
  explicit BlindIndex(std::string key) : key_(std::move(key)) {}

  // 16 bytes for `value` of a `kind`, within `scope`: tokens of two scopes cannot be compared.
  std::string Token(absl::string_view scope, absl::string_view kind, absl::string_view value) const;

 private:
  std::string key_;
};

}  // namespace lgsp::keys
