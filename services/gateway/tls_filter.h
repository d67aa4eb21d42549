// TLS of one connection, between the bytes of its socket and those of its codec. Knows no socket
// and never waits.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lgsp::gateway {

class TlsFilter {
 public:
  enum class Role { kServer, kClient };
  TlsFilter(SSL_CTX* context, Role role);
  TlsFilter(const TlsFilter&) = delete;
  TlsFilter& operator=(const TlsFilter&) = delete;

  SSL* ssl() { return ssl_.get(); }

  enum class State { kHandshake, kOpen, kEnded, kBroken };
  // kEnded: the peer has said that nothing follows. kBroken: what explains it to the peer is in
  // output(), and error() is OpenSSL's.
  State state() const { return state_; }
  unsigned long error() const { return error_; }

  // A client begins to speak.
  void Begin() { Handshake(); }
  // Takes what came from the socket; the handshake goes on by it. Read it out before the next.
  void Receive(absl::string_view bytes);
  // The next of what was sent to us, in `buffer`; empty: there is no more of it yet, or no more at
  // all (state).
  absl::string_view Read(absl::Span<char> buffer);
  // Once open: encrypts it to output().
  void Send(absl::string_view bytes);
  // What is to be written to the socket; whoever writes takes it.
  std::string& output() { return output_; }

 private:
  static BIO_METHOD* Methods();
  void Handshake();
  void Judge(int result);

  absl::string_view input_;
  std::string output_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  State state_ = State::kHandshake;
  unsigned long error_ = 0;
};

}  // namespace lgsp::gateway
