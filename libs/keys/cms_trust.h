// What a CmsTrust holds, and reading certificates and lists; private to libs/keys.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::keys {

// A revocation list whose signature was verified.
struct CmsCrl {
  std::shared_ptr<X509_CRL> list;
  // SHA-256 of the SubjectPublicKeyInfo that verified it: authorities of one name may have many.
  std::string signer_spki;
  absl::Time this_update;
  absl::Time next_update;
};

struct CmsTrustContent {
  // The roots, and nothing of the system's.
  std::shared_ptr<X509_STORE> store;
  std::vector<std::shared_ptr<X509>> roots;
  std::vector<std::shared_ptr<X509>> intermediates;
  // At most one per issuer's name and key.
  std::vector<CmsCrl> crls;
};

// The SHA-256 of a certificate's SubjectPublicKeyInfo; empty when its key cannot be read.
std::string SpkiSha256Of(X509* certificate);
// Nothing when it is not a time.
std::optional<absl::Time> TimeOf(const ASN1_TIME* time);
// SHA-256, SHA-384 or SHA-512.
bool IsStrongDigest(int nid);

// OpenSSL's errors of this scope do not stay in the thread's queue, where a TLS connection of the
// same thread would take them for its own.
class ErrorScope {
 public:
  ErrorScope();
  ~ErrorScope();
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
};

}  // namespace lgsp::keys
