// Ed25519 keys and compact JWS (RFC 7515, RFC 8037: alg EdDSA, nothing else).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::keys {

// A private signing key. Thread-safe.
class SigningKey {
 public:
  // A new key. PEM is PKCS#8, to be stored with mode 0600.
  static SigningKey Generate();
  // INVALID_ARGUMENT KEY_INVALID.
  static absl::StatusOr<SigningKey> FromPem(absl::string_view pem);

  std::string ToPem() const;
  std::string PublicPem() const;
  // The public key as RFC 8032 encodes it, 32 bytes.
  std::string PublicBytes() const;
  // First 16 hex digits of the SHA-256 of the public key's SubjectPublicKeyInfo.
  const std::string& id() const { return id_; }
  // 64 bytes.
  std::string Sign(absl::string_view data) const;
  // header.payload.signature with {"alg":"EdDSA","kid":id}, and "typ" when there is one.
  std::string SignJws(absl::string_view payload, absl::string_view type = "") const;

 private:
  explicit SigningKey(std::shared_ptr<void> key);
  std::shared_ptr<void> key_;  // EVP_PKEY
  std::string id_;
};

// A public key that is trusted. Thread-safe.
class VerifyKey {
 public:
  static absl::StatusOr<VerifyKey> FromPem(absl::string_view pem);
  // As RFC 8032 encodes it. INVALID_ARGUMENT KEY_INVALID when it is not 32 bytes.
  static absl::StatusOr<VerifyKey> FromBytes(absl::string_view raw);
  const std::string& id() const { return id_; }
  // As RFC 8032 encodes it.
  std::string Bytes() const;
  bool Verify(absl::string_view data, absl::string_view signature) const;

 private:
  explicit VerifyKey(std::shared_ptr<void> key);
  std::shared_ptr<void> key_;
  std::string id_;
};

// The payload of a JWS of `type` signed by one of `keys`. The algorithm is not taken from the
// token. UNAUTHENTICATED JWS_MALFORMED, JWS_KEY_UNKNOWN (also: of another type),
// JWS_SIGNATURE_INVALID.
absl::StatusOr<std::string> VerifyJws(absl::string_view jws, const std::vector<VerifyKey>& keys,
                                      absl::string_view type = "");

}  // namespace lgsp::keys
