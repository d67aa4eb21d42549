#include "tools/bench/exchange_load/tls.h"

#include <openssl/err.h>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::bench {
namespace {

constexpr unsigned char kAlpn[] = {2, 'h', '2'};

std::string Reason() {
  const uint64_t code = ERR_get_error();
  const char* text = ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "no reason known" : text;
}

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

absl::Status FilesInvalid(absl::string_view file) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "BENCH_TLS_FILES_INVALID",
                   absl::StrCat(file, ": ", Reason()));
}

}  // namespace

absl::StatusOr<TlsContext> MakeTls(const TlsFiles& files, bool server) {
  TlsContext context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  SSL_CTX* raw = context.get();
  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1) {
    return FilesInvalid(files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return FilesInvalid(files.key);
  }
  if (SSL_CTX_load_verify_locations(raw, files.authority.c_str(), nullptr) != 1) {
    return FilesInvalid(files.authority);
  }
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  if (server) {
    SSL_CTX_set_alpn_select_cb(raw, ChooseAlpn, nullptr);
    // A proxy that resumes its sessions would have fewer handshakes than another.
    SSL_CTX_set_num_tickets(raw, 0);
  } else {
    SSL_CTX_set_alpn_protos(raw, kAlpn, sizeof(kAlpn));
  }
  return context;
}

TlsPeer::TlsPeer(const TlsContext& context, bool server)
    : context_(context),
      ssl_(SSL_new(context.get()), SSL_free),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
  // Empty is not the end.
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  if (server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

absl::Status TlsPeer::Failed(absl::string_view what) const {
  const int64_t verified = SSL_get_verify_result(ssl_.get());
  const std::string why =
      verified == X509_V_OK ? Reason() : X509_verify_cert_error_string(verified);
  return MakeError(absl::StatusCode::kUnavailable, "BENCH_CONNECTION_FAILED",
                   absl::StrCat("TLS ", what, ": ", why));
}

absl::StatusOr<bool> TlsPeer::Handshake() {
  const int done = SSL_do_handshake(ssl_.get());
  if (done != 1) {
    if (SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ) return false;
    return Failed("handshake");
  }
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  if (absl::string_view(reinterpret_cast<const char*>(name), size) != "h2") {
    return MakeError(absl::StatusCode::kUnavailable, "BENCH_CONNECTION_FAILED",
                     "the other side did not agree on h2");
  }
  return true;
}

void TlsPeer::Received(absl::string_view bytes) {
  BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
}

absl::StatusOr<size_t> TlsPeer::Read(char* out, size_t size) {
  const int got = SSL_read(ssl_.get(), out, static_cast<int>(size));
  if (got > 0) return static_cast<size_t>(got);
  if (SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ) return size_t{0};
  return Failed("connection ended");
}

absl::Status TlsPeer::Write(absl::string_view clear) {
  // Into memory: it is taken whole.
  if (SSL_write(ssl_.get(), clear.data(), static_cast<int>(clear.size())) <= 0) {
    return Failed("write");
  }
  return absl::OkStatus();
}

void TlsPeer::TakeOutput(std::string* out) {
  char* data = nullptr;
  const int64_t size = BIO_get_mem_data(out_, &data);
  if (size > 0) out->append(data, static_cast<size_t>(size));
  BIO_reset(out_);
}

}  // namespace lgsp::bench
