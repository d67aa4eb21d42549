#include "libs/keys/segments.h"

#include <algorithm>
#include <cstdlib>

#include "libs/keys/openssl_ptr.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;

const EVP_CIPHER* Cipher() {
  static const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

unsigned char* Data(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* Data(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// The number, big-endian, and 1 for the last.
std::string NonceOf(uint64_t number, bool last) {
  std::string nonce(kNonceBytes, '\0');
  nonce.back() = last ? 1 : 0;
  for (size_t i = kNonceBytes - 1; number != 0; number >>= 8) {
    nonce[--i] = static_cast<char>(number & 0xff);
  }
  return nonce;
}

void Seal(const DataKey& key, uint64_t number, bool last, absl::string_view plain,
          std::string& sealed) {
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  const std::string nonce = NonceOf(number, last);
  const size_t begin = sealed.size();
  sealed.resize(begin + plain.size() + kSegmentOverhead);
  unsigned char* out = Data(sealed) + begin;
  int size = 0;
  const bool ok = key.size() == kKeyBytes && !plain.empty() &&
                  EVP_EncryptInit_ex2(cipher.get(), Cipher(), Data(absl::string_view(key)),
                                      Data(absl::string_view(nonce)), nullptr) == 1 &&
                  EVP_EncryptUpdate(cipher.get(), out, &size, Data(plain),
                                    static_cast<int>(plain.size())) == 1 &&
                  EVP_EncryptFinal_ex(cipher.get(), out + plain.size(), &size) == 1 &&
                  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kSegmentOverhead,
                                      out + plain.size()) == 1;
  // Only a bug of ours fails here, and nothing may be stored unsealed.
  if (!ok) abort();
}

}  // namespace

void SegmentSealer::Update(absl::string_view plain, std::string& sealed) {
  while (!plain.empty()) {
    if (waiting_.size() == kSegmentBytes) {
      Seal(key_, number_++, false, waiting_, sealed);
      waiting_.clear();
    }
    const size_t taken = std::min(plain.size(), kSegmentBytes - waiting_.size());
    waiting_.append(plain.data(), taken);
    plain.remove_prefix(taken);
  }
}

void SegmentSealer::Finish(std::string& sealed) {
  Seal(key_, number_++, true, waiting_, sealed);
  waiting_.clear();
}

absl::StatusOr<std::string> SegmentOpener::Open(absl::string_view sealed, bool last) {
  const absl::Status invalid =
      MakeError(absl::StatusCode::kDataLoss, "SEALED_DATA_INVALID",
                "a sealed segment does not open: other key, other place or changed");
  const bool possible = key_.size() == kKeyBytes && sealed.size() > kSegmentOverhead &&
                        sealed.size() <= kSealedSegmentBytes;
  if (!possible) return invalid;
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  const std::string nonce = NonceOf(number_, last);
  const size_t plain_size = sealed.size() - kSegmentOverhead;
  std::string tag(sealed.substr(plain_size));
  std::string plain(plain_size, '\0');
  int size = 0;
  const bool ok =
      EVP_DecryptInit_ex2(cipher.get(), Cipher(), Data(absl::string_view(key_)),
                          Data(absl::string_view(nonce)), nullptr) == 1 &&
      EVP_DecryptUpdate(cipher.get(), Data(plain), &size, Data(sealed),
                        static_cast<int>(plain_size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kSegmentOverhead, Data(tag)) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), Data(plain) + plain_size, &size) == 1;
  if (!ok) return invalid;
  ++number_;
  return plain;
}

}  // namespace lgsp::keys
