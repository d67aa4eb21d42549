// The bytes of one HTTP/2 connection: its socket, TLS where there is some, and as few calls to the
// kernel as possible.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tools/bench/exchange_load/tls.h"

namespace lgsp::bench {

// UNAVAILABLE BENCH_CONNECTION_FAILED, with what errno says.
absl::Status SocketFailed(absl::string_view what);

// For a client and a server alike: windows that do not make anyone wait, nothing kept of streams
// that have ended.
nghttp2_option* SessionOptions();
void SubmitSettings(nghttp2_session* session, bool server);

class Wire {
 public:
  Wire() = default;
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Takes over both: a socket that does not block, and the session on it. `tls` may be null.
  void Start(int descriptor, nghttp2_session* session, std::unique_ptr<TlsPeer> tls);
  int descriptor() const { return descriptor_; }
  nghttp2_session* session() const { return session_; }

  // Gives the session all that has come. UNAVAILABLE BENCH_CONNECTION_FAILED, also when the other
  // side has ended.
  absl::Status Receive();
  // Gives the socket all that is to be sent, or as much as it takes.
  absl::Status Flush();

 private:
  absl::Status Feed(absl::string_view bytes);
  absl::Status FeedEncrypted(absl::string_view bytes);
  // Fills out_ with what is next for the socket.
  absl::Status Gather();

  int descriptor_ = -1;
  nghttp2_session* session_ = nullptr;
  std::unique_ptr<TlsPeer> tls_;
  bool ready_ = false;
  std::string clear_;
  std::string out_;
  size_t written_ = 0;
};

}  // namespace lgsp::bench
