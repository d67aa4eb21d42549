// TLS contexts of both sides.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lgsp::gateway {

using TlsContext = std::shared_ptr<SSL_CTX>;

// For systems: TLS 1.3, ALPN h2 or http/1.1, a client certificate demanded. Its chain is not
// judged, for systems are known by their registered keys; its validity is. FAILED_PRECONDITION
// TLS_FILES_INVALID.
absl::StatusOr<TlsContext> MakeServerTls(absl::string_view certificate_file,
                                         absl::string_view key_file);

// For services: our certificate as client, chain verified against the platform's authority.
absl::StatusOr<TlsContext> MakeClientTls(absl::string_view certificate_file,
                                         absl::string_view key_file,
                                         absl::string_view authority_file);

// SHA-256 of the SubjectPublicKeyInfo of the peer's certificate; empty without one.
std::string PeerSpkiSha256(SSL* ssl);
// SHA-256 of the peer's certificate (DER); empty without one.
std::string PeerCertificateSha256(SSL* ssl);
// Until when the peer's certificate is valid; InfinitePast without one.
absl::Time PeerNotAfter(SSL* ssl);
// True when the peer's certificate carries the URI name `identity`.
bool PeerHasUri(SSL* ssl, absl::string_view identity);
// Before a handshake as client: what we offer to speak, HTTP/1.1 or HTTP/2.
void OfferProtocol(SSL* ssl, bool http1);
// True when both sides agreed on HTTP/2.
bool AgreedOnH2(SSL* ssl);

// Why a handshake failed, as a bounded label: no_certificate, expired, not_tls13, handshake.
// `error` as OpenSSL has it; 0: the connection ended.
absl::string_view TlsFailureLabel(SSL* ssl, unsigned long error);

}  // namespace lgsp::gateway
