#include "libs/keys/jws.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/keys/digest.h"
#include "libs/keys/openssl_ptr.h"
#include "libs/status/status.h"

namespace lgsp::keys {
namespace {

// No token of ours is longer.
constexpr size_t kMaxJwsBytes = 16 << 10;

EVP_PKEY* Key(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

std::shared_ptr<void> Share(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

std::string IdOf(const std::shared_ptr<void>& key) {
  return Hex(Sha256(SpkiDer(Key(key)))).substr(0, 16);
}

std::string Header(absl::string_view id, absl::string_view type) {
  const std::string typ = type.empty() ? "" : absl::StrCat(",\"typ\":\"", type, "\"");
  return Base64Url(absl::StrCat("{\"alg\":\"EdDSA\",\"kid\":\"", id, "\"", typ, "}"));
}

std::string RawPublic(const std::shared_ptr<void>& key) {
  std::string out(32, '\0');
  size_t size = out.size();
  EVP_PKEY_get_raw_public_key(Key(key), reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

absl::Status KeyInvalid() {
  return MakeError(absl::StatusCode::kInvalidArgument, "KEY_INVALID", "not an Ed25519 key in PEM");
}

absl::Status Unauthenticated(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, reason, message);
}

}  // namespace

SigningKey::SigningKey(std::shared_ptr<void> key) : key_(std::move(key)), id_(IdOf(key_)) {}

SigningKey SigningKey::Generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) abort();  // no randomness: there is no safe way on
  return SigningKey(Share(key));
}

absl::StatusOr<SigningKey> SigningKey::FromPem(absl::string_view pem) {
  EVP_PKEY* key = PEM_read_bio_PrivateKey(ReadBio(pem).get(), nullptr, nullptr, nullptr);
  if (key == nullptr) return KeyInvalid();
  auto shared = Share(key);
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) return KeyInvalid();
  return SigningKey(std::move(shared));
}

std::string SigningKey::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), Key(key_), nullptr, nullptr, 0, nullptr, nullptr);
  return Written(bio.get());
}

std::string SigningKey::PublicPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), Key(key_));
  return Written(bio.get());
}

std::string SigningKey::PublicBytes() const { return RawPublic(key_); }

std::string SigningKey::Sign(absl::string_view data) const {
  const DigestContextPtr context(EVP_MD_CTX_new());
  std::string out(64, '\0');
  size_t size = out.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, Key(key_)) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                     reinterpret_cast<const unsigned char*>(data.data()), data.size()) != 1) {
    abort();  // a valid Ed25519 key always signs
  }
  return out;
}

std::string SigningKey::SignJws(absl::string_view payload, absl::string_view type) const {
  std::string signed_part = absl::StrCat(Header(id_, type), ".", Base64Url(payload));
  const std::string signature = Base64Url(Sign(signed_part));
  absl::StrAppend(&signed_part, ".", signature);
  return signed_part;
}

VerifyKey::VerifyKey(std::shared_ptr<void> key) : key_(std::move(key)), id_(IdOf(key_)) {}

absl::StatusOr<VerifyKey> VerifyKey::FromPem(absl::string_view pem) {
  EVP_PKEY* key = PEM_read_bio_PUBKEY(ReadBio(pem).get(), nullptr, nullptr, nullptr);
  if (key == nullptr) return KeyInvalid();
  auto shared = Share(key);
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) return KeyInvalid();
  return VerifyKey(std::move(shared));
}

absl::StatusOr<VerifyKey> VerifyKey::FromBytes(absl::string_view raw) {
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(raw.data()), raw.size());
  if (key == nullptr) {
    return MakeError(absl::StatusCode::kInvalidArgument, "KEY_INVALID",
                     "not an Ed25519 key of 32 bytes");
  }
  return VerifyKey(Share(key));
}

std::string VerifyKey::Bytes() const { return RawPublic(key_); }

bool VerifyKey::Verify(absl::string_view data, absl::string_view signature) const {
  const DigestContextPtr context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, Key(key_)) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(data.data()),
                          data.size()) == 1;
}

absl::StatusOr<std::string> VerifyJws(absl::string_view jws, const std::vector<VerifyKey>& keys,
                                      absl::string_view type) {
  const std::vector<absl::string_view> parts = absl::StrSplit(jws, '.');
  if (jws.size() > kMaxJwsBytes || parts.size() != 3) {
    return Unauthenticated("JWS_MALFORMED", "not a compact JWS");
  }
  // The header is compared, never parsed: only what we write ourselves is accepted.
  for (const VerifyKey& key : keys) {
    if (parts[0] != Header(key.id(), type)) continue;
    const auto signature = Base64UrlDecode(parts[2]);
    const auto payload = Base64UrlDecode(parts[1]);
    if (!signature.ok() || !payload.ok()) {
      return Unauthenticated("JWS_MALFORMED", "not a compact JWS");
    }
    if (!key.Verify(jws.substr(0, parts[0].size() + 1 + parts[1].size()), *signature)) {
      return Unauthenticated("JWS_SIGNATURE_INVALID", "the signature does not verify");
    }
    return *payload;
  }
  return Unauthenticated("JWS_KEY_UNKNOWN", "signed by a key that is not trusted here");
}

}  // namespace lgsp::keys
