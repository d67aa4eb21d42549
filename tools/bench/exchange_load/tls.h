// TLS 1.3 between bytes and bytes: whose socket it is does not matter here.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::bench {

// PEM: an own certificate with its key, and who must have signed that of the other side.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string authority;
};

using TlsContext = std::shared_ptr<SSL_CTX>;

// Both sides show a certificate. FAILED_PRECONDITION BENCH_TLS_FILES_INVALID.
absl::StatusOr<TlsContext> MakeTls(const TlsFiles& files, bool server);

class TlsPeer {
 public:
  TlsPeer(const TlsContext& context, bool server);

  // Does what it can with what was received so far: true when the handshake is done. Call it before
  // the first byte, too.
  absl::StatusOr<bool> Handshake();
  // What came from the socket.
  void Received(absl::string_view bytes);
  // Up to `size` bytes in the clear, 0 when more must be received first.
  absl::StatusOr<size_t> Read(char* out, size_t size);
  absl::Status Write(absl::string_view clear);
  // Appends to `out` what must go to the socket.
  void TakeOutput(std::string* out);

 private:
  absl::Status Failed(absl::string_view what) const;

  TlsContext context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  // Both belong to ssl_.
  BIO* in_;
  BIO* out_;
};

}  // namespace lgsp::bench
