// Hashes, random bytes and the text forms of bytes.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::keys {

// 32 raw bytes.
std::string Sha256(absl::string_view data);
std::string HmacSha256(absl::string_view key, absl::string_view data);

// The hash of what comes in pieces. Holds its state in itself: two are made for every exchange.
class Sha256Stream {
 public:
  Sha256Stream();

  void Update(absl::string_view data);
  // 32 raw bytes; call once, last.
  std::string Finish();

 private:
  // SHA256_CTX
  alignas(8) unsigned char state_[112];
};

// 64 raw bytes; otherwise as Sha256Stream.
class Sha512Stream {
 public:
  Sha512Stream();
  void Update(absl::string_view data);
  std::string Finish();

 private:
  // SHA512_CTX
  alignas(8) unsigned char state_[216];
};

// Aborts the process when the system has no randomness: there is no safe way on.
std::string RandomBytes(size_t n);

std::string Hex(absl::string_view bytes);
// Without padding (RFC 4648 section 5). Decoding is strict: INVALID_ARGUMENT BASE64_INVALID.
std::string Base64Url(absl::string_view bytes);
absl::StatusOr<std::string> Base64UrlDecode(absl::string_view text);

// Takes the same time wherever the strings differ.
bool ConstantTimeEqual(absl::string_view a, absl::string_view b);

}  // namespace lgsp::keys
