#include "libs/keys/envelope.h"

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/keys/digest.h"
#include "libs/keys/openssl_ptr.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

const EVP_CIPHER* Cipher() {
  static const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

unsigned char* Data(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* Data(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

absl::Status Invalid() {
  return MakeError(absl::StatusCode::kDataLoss, "SEALED_DATA_INVALID",
                   "sealed data does not open: other key, other place or changed");
}

std::string WrapContext(absl::string_view kek_id, absl::string_view subject) {
  return absl::StrCat("data-key\n", kek_id, "\n", subject);
}

absl::Status RingInvalid(absl::string_view path, absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "KEY_RING_INVALID",
                   absl::StrCat(path, ": ", what), {{"path", path}});
}

}  // namespace

std::string Seal(const DataKey& key, absl::string_view plain, absl::string_view context) {
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  std::string out = RandomBytes(kNonceBytes);
  out.resize(kNonceBytes + plain.size() + kTagBytes);
  int size = 0;
  const bool ok =
      key.size() == kKeyBytes &&
      EVP_EncryptInit_ex2(cipher.get(), Cipher(), Data(absl::string_view(key)), Data(out),
                          nullptr) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, Data(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), Data(out) + kNonceBytes, &size, Data(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), Data(out) + kNonceBytes + plain.size(), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                          Data(out) + kNonceBytes + plain.size()) == 1;
  if (!ok)
    abort();  // only a key of the wrong size can fail: a bug of ours, and never to be stored
              // unsealed
  return out;
}

absl::StatusOr<std::string> Open(const DataKey& key, absl::string_view sealed,
                                 absl::string_view context) {
  if (key.size() != kKeyBytes || sealed.size() < kNonceBytes + kTagBytes) return Invalid();
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  const size_t plain_size = sealed.size() - kNonceBytes - kTagBytes;
  std::string tag(sealed.substr(kNonceBytes + plain_size));
  std::string out(plain_size, '\0');
  int size = 0;
  const bool ok =
      EVP_DecryptInit_ex2(cipher.get(), Cipher(), Data(absl::string_view(key)), Data(sealed),
                          nullptr) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, Data(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), Data(out), &size, Data(sealed.substr(kNonceBytes)),
                        static_cast<int>(plain_size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, Data(tag)) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), Data(out) + plain_size, &size) == 1;
  if (!ok) return Invalid();
  return out;
}

absl::StatusOr<KeyRing> KeyRing::FromFile(absl::string_view path) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadSecret(path));
  KeyRing ring;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() != 2 || words[0].empty() || words[1].size() != 2 * kKeyBytes ||
        words[1].find_first_not_of("0123456789abcdef") != absl::string_view::npos) {
      return RingInvalid(path, "each line must be an id and 64 hex digits");
    }
    if (!ring.keys_.emplace(std::string(words[0]), absl::HexStringToBytes(words[1])).second) {
      return RingInvalid(path, "an id occurs twice");
    }
    ring.newest_ = std::string(words[0]);
  }
  return ring;
}

std::string KeyRing::NewLine(absl::string_view id) {
  return absl::StrCat(id, " ", Hex(RandomBytes(kKeyBytes)), "\n");
}

DataKey KeyRing::NewDataKey() { return RandomBytes(kKeyBytes); }

WrappedKey KeyRing::Wrap(const DataKey& key, absl::string_view subject) const {
  return {newest_, Seal(keys_.at(newest_), key, WrapContext(newest_, subject))};
}

absl::StatusOr<DataKey> KeyRing::Unwrap(const WrappedKey& wrapped,
                                        absl::string_view subject) const {
  const auto it = keys_.find(wrapped.kek_id);
  if (it == keys_.end()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "KEK_UNKNOWN",
                     "the key-encryption key is not in the key ring", {{"kek", wrapped.kek_id}});
  }
  return Open(it->second, wrapped.sealed, WrapContext(wrapped.kek_id, subject));
}

}  // namespace lgsp::keys
