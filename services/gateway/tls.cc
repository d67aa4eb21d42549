#include "services/gateway/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

constexpr unsigned char kH2[] = {2, 'h', '2'};
constexpr unsigned char kHttp1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
// In our order.
constexpr unsigned char kAlpn[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

absl::Status FilesInvalid(absl::string_view file) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TLS_FILES_INVALID",
                   absl::StrCat(file, ": not usable for TLS"), {{"file", file}});
}

// Takes one of ours or refuses the handshake. Who offers nothing speaks HTTP/1.1.
int ChooseAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn, sizeof(kAlpn), in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// In place of the chain check: only the period counts.
int CheckPeriod(X509_STORE_CTX* context, void*) {
  X509* certificate = X509_STORE_CTX_get0_cert(context);
  if (certificate == nullptr) return 0;
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_NOT_YET_VALID);
    return 0;
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_HAS_EXPIRED);
    return 0;
  }
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

absl::StatusOr<TlsContext> MakeContext(const SSL_METHOD* method, absl::string_view certificate_file,
                                       absl::string_view key_file) {
  TlsContext context(SSL_CTX_new(method), &SSL_CTX_free);
  SSL_CTX* raw = context.get();
  if (SSL_CTX_use_certificate_chain_file(raw, std::string(certificate_file).c_str()) != 1) {
    return FilesInvalid(certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, std::string(key_file).c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return FilesInvalid(key_file);
  }
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  return context;
}

}  // namespace

absl::StatusOr<TlsContext> MakeServerTls(absl::string_view certificate_file,
                                         absl::string_view key_file) {
  ASSIGN_OR_RETURN(TlsContext context,
                   MakeContext(TLS_server_method(), certificate_file, key_file));
  SSL_CTX* raw = context.get();
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, CheckPeriod, nullptr);
  SSL_CTX_set_alpn_select_cb(raw, ChooseAlpn, nullptr);
  // A resumed session would skip the proof of possession.
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  return context;
}

absl::StatusOr<TlsContext> MakeClientTls(absl::string_view certificate_file,
                                         absl::string_view key_file,
                                         absl::string_view authority_file) {
  ASSIGN_OR_RETURN(TlsContext context,
                   MakeContext(TLS_client_method(), certificate_file, key_file));
  SSL_CTX* raw = context.get();
  if (SSL_CTX_load_verify_locations(raw, std::string(authority_file).c_str(), nullptr) != 1) {
    return FilesInvalid(authority_file);
  }
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  return context;
}

std::string PeerSpkiSha256(SSL* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return "";
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return "";
  std::string digest = keys::Sha256({reinterpret_cast<char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

std::string PeerCertificateSha256(SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  if (certificate == nullptr ||
      X509_digest(certificate, EVP_sha256(), reinterpret_cast<unsigned char*>(digest.data()),
                  &size) != 1) {
    return "";
  }
  digest.resize(size);
  return digest;
}

absl::Time PeerNotAfter(SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  std::tm end = {};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return absl::InfinitePast();
  }
  return absl::FromTM(end, absl::UTCTimeZone());
}

bool PeerHasUri(SSL* ssl, absl::string_view identity) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return false;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  bool found = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    found = found || absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                       static_cast<size_t>(ASN1_STRING_length(uri))) == identity;
  }
  GENERAL_NAMES_free(names);
  return found;
}

void OfferProtocol(SSL* ssl, bool http1) {
  SSL_set_alpn_protos(ssl, http1 ? kHttp1 : kH2, http1 ? sizeof(kHttp1) : sizeof(kH2));
}

bool AgreedOnH2(SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return absl::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

absl::string_view TlsFailureLabel(SSL* ssl, unsigned long error) {
  const long verify = SSL_get_verify_result(ssl);
  if (verify == X509_V_ERR_CERT_HAS_EXPIRED || verify == X509_V_ERR_CERT_NOT_YET_VALID)
    return "expired";
  switch (ERR_GET_REASON(error)) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "no_certificate";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return "not_tls13";
    default:
      return "handshake";
  }
}

}  // namespace lgsp::gateway
