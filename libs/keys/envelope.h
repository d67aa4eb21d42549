// Envelope encryption (DESIGN.md section 8): AES-256-GCM, one data key per subject, wrapped by a
// key-encryption key.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::keys {

// 32 bytes in the clear; never stored or logged.
using DataKey = std::string;

// nonce (12 bytes) | ciphertext | tag (16 bytes). `context` is bound to the ciphertext (AAD): name
// the table, column and row, so that a value moved elsewhere does not open.
std::string Seal(const DataKey& key, absl::string_view plain, absl::string_view context);
// DATA_LOSS SEALED_DATA_INVALID: wrong key, wrong context or changed bytes.
absl::StatusOr<std::string> Open(const DataKey& key, absl::string_view sealed,
                                 absl::string_view context);

// A wrapped data key and the id of the key that wrapped it.
struct WrappedKey {
  std::string kek_id;
  std::string sealed;
};

// The key-encryption keys: the newest wraps, all unwrap. Immutable after making, thread-safe.
class KeyRing {
 public:
  // A text file, one key per line: `<id> <64 hex digits>`; the last line is the newest. Mode 0600.
  // FAILED_PRECONDITION KEY_RING_INVALID and those of config::ReadSecret.
  static absl::StatusOr<KeyRing> FromFile(absl::string_view path);
  // A fresh line for such a file.
  static std::string NewLine(absl::string_view id);

  // A new data key for `subject` (a resource name, bound into the wrapping).
  WrappedKey Wrap(const DataKey& key, absl::string_view subject) const;
  // FAILED_PRECONDITION KEK_UNKNOWN, DATA_LOSS SEALED_DATA_INVALID.
  absl::StatusOr<DataKey> Unwrap(const WrappedKey& wrapped, absl::string_view subject) const;

  // The id of the key that wraps.
  const std::string& newest() const { return newest_; }
  bool Has(absl::string_view kek_id) const { return keys_.contains(std::string(kek_id)); }

  static DataKey NewDataKey();

 private:
  std::map<std::string, std::string> keys_;
  std::string newest_;
};

}  // namespace lgsp::keys
