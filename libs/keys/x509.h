// Certificates: making them for `lgsp init`, and what of a peer's certificate counts.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::keys {

// The URI name of a platform service in its certificate: `spiffe://lgsp.camau/service/dossiers`.
std::string ServiceIdentity(absl::string_view service);

// A certificate with its private key, both PEM.
struct CertifiedKey {
  std::string certificate_pem;
  std::string private_key_pem;
};

// What to certify.
struct CertificateRequest {
  std::string common_name;
  // subjectAltName entries.
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::vector<std::string> uris;
  absl::Time not_before;
  absl::Time not_after;
  // For a renewal: keep this private key. Empty: a new one (ECDSA P-256).
  std::string private_key_pem;
};

// A self-signed certificate authority.
absl::StatusOr<CertifiedKey> MakeAuthority(absl::string_view common_name, absl::Time not_before,
                                           absl::Time not_after);
// A leaf for servers and clients, signed by `authority`. INVALID_ARGUMENT CERTIFICATE_INVALID.
absl::StatusOr<CertifiedKey> IssueCertificate(const CertifiedKey& authority,
                                              const CertificateRequest& request);

// SHA-256 of the SubjectPublicKeyInfo (DER) of a PEM certificate: 32 bytes. INVALID_ARGUMENT
// CERTIFICATE_INVALID.
absl::StatusOr<std::string> SpkiSha256(absl::string_view certificate_pem);

// When a PEM certificate ends.
absl::StatusOr<absl::Time> NotAfter(absl::string_view certificate_pem);

}  // namespace lgsp::keys
