#include "libs/keys/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

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
  std::string out(32, '\0');
  unsigned int size = 0;
  EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
             Sha256Method(), nullptr);
  return out;
}

std::string HmacSha256(absl::string_view key, absl::string_view data) {
  std::string out(32, '\0');
  unsigned int size = 0;
  HMAC(Sha256Method(), key.data(), static_cast<int>(key.size()), Data(data), data.size(),
       reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

struct Sha256Stream::Impl {
  DigestContextPtr context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) {
  EVP_DigestInit_ex2(impl_->context.get(), Sha256Method(), nullptr);
}

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Update(absl::string_view data) {
  EVP_DigestUpdate(impl_->context.get(), data.data(), data.size());
}

std::string Sha256Stream::Finish() {
  std::string out(32, '\0');
  unsigned int size = 0;
  EVP_DigestFinal_ex(impl_->context.get(), reinterpret_cast<unsigned char*>(out.data()), &size);
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
