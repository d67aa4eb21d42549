#include "services/gateway/tls_filter.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>

namespace lgsp::gateway {

TlsFilter::TlsFilter(SSL_CTX* context, Role role) : ssl_(SSL_new(context), &SSL_free) {
  BIO* bio = BIO_new(Methods());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl(), bio, bio);
  role == Role::kServer ? SSL_set_accept_state(ssl()) : SSL_set_connect_state(ssl());
}

// OpenSSL reads and writes its records here.
BIO_METHOD* TlsFilter::Methods() {
  static BIO_METHOD* methods = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lgsp");
    BIO_meth_set_read_ex(made, [](BIO* bio, char* out, size_t size, size_t* taken) {
      absl::string_view& input = static_cast<TlsFilter*>(BIO_get_data(bio))->input_;
      BIO_clear_retry_flags(bio);
      *taken = std::min(size, input.size());
      if (*taken == 0) {
        BIO_set_retry_read(bio);
        return 0;
      }
      memcpy(out, input.data(), *taken);
      input.remove_prefix(*taken);
      return 1;
    });
    BIO_meth_set_write_ex(made, [](BIO* bio, const char* bytes, size_t size, size_t* written) {
      static_cast<TlsFilter*>(BIO_get_data(bio))->output_.append(bytes, size);
      *written = size;
      return 1;
    });
    BIO_meth_set_ctrl(
        made, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
    return made;
  }();
  return methods;
}

void TlsFilter::Judge(int result) {
  switch (SSL_get_error(ssl(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return;
    case SSL_ERROR_ZERO_RETURN:
      state_ = State::kEnded;
      return;
    default:
      error_ = ERR_peek_error();
      state_ = State::kBroken;
      ERR_clear_error();
  }
}

void TlsFilter::Handshake() {
  // What OpenSSL says of an error, it says of what the thread did last.
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl());
  if (result == 1) {
    state_ = State::kOpen;
  } else {
    Judge(result);
  }
}

void TlsFilter::Receive(absl::string_view bytes) {
  input_ = bytes;
  if (state_ == State::kHandshake) Handshake();
}

absl::string_view TlsFilter::Read(absl::Span<char> buffer) {
  if (state_ != State::kOpen) return "";
  ERR_clear_error();
  const int size = SSL_read(ssl(), buffer.data(), static_cast<int>(buffer.size()));
  if (size > 0) return {buffer.data(), static_cast<size_t>(size)};
  Judge(size);
  return "";
}

void TlsFilter::Send(absl::string_view bytes) {
  if (state_ == State::kBroken || bytes.empty()) return;
  ERR_clear_error();
  const int result = SSL_write(ssl(), bytes.data(), static_cast<int>(bytes.size()));
  if (result <= 0) Judge(result);
}

}  // namespace lgsp::gateway
