#include "libs/keys/digest.h"

// SHA256_Init and its sisters: EVP, which replaces them, costs three times the hash of a short
// text.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "libs/keys/openssl_ptr.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

const unsigned char* Data(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Fetched once: an implicit fetch per call costs more than the hash of a short text.
const EVP_MD* Sha256Method() {
  static const EVP_MD* method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return method;
}

}  // namespace

std::string Sha256(absl::string_view data) {
  Sha256Stream stream;
  stream.Update(data);
  return stream.Finish();
}

std::string HmacSha256(absl::string_view key, absl::string_view data) {
  std::string out(32, '\0');
  unsigned int size = 0;
  HMAC(Sha256Method(), key.data(), static_cast<int>(key.size()), Data(data), data.size(),
       reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

Sha256Stream::Sha256Stream() {
  static_assert(sizeof(state_) == sizeof(SHA256_CTX));
  SHA256_Init(reinterpret_cast<SHA256_CTX*>(state_));
}

void Sha256Stream::Update(absl::string_view data) {
  SHA256_Update(reinterpret_cast<SHA256_CTX*>(state_), data.data(), data.size());
}

std::string Sha256Stream::Finish() {
  std::string out(32, '\0');
  SHA256_Final(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<SHA256_CTX*>(state_));
  return out;
}

Sha512Stream::Sha512Stream() {
  static_assert(sizeof(state_) == sizeof(SHA512_CTX));
  SHA512_Init(reinterpret_cast<SHA512_CTX*>(state_));
}

void Sha512Stream::Update(absl::string_view data) {
  SHA512_Update(reinterpret_cast<SHA512_CTX*>(state_), data.data(), data.size());
}

std::string Sha512Stream::Finish() {
  std::string out(64, '\0');
  SHA512_Final(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<SHA512_CTX*>(state_));
  return out;
}

std::string RandomBytes(size_t n) {
  std::string out(n, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) != 1) abort();
  return out;
}

std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

std::string Base64Url(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

absl::StatusOr<std::string> Base64UrlDecode(absl::string_view text) {
  std::string out;
  // The round trip refuses padding, stray characters and spare bits.
  if (!absl::WebSafeBase64Unescape(text, &out) || absl::WebSafeBase64Escape(out) != text) {
    return MakeError(absl::StatusCode::kInvalidArgument, "BASE64_INVALID", "not base64url");
  }
  return out;
}

bool ConstantTimeEqual(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lgsp::keys
