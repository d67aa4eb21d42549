// The upstream of `tools/bench exchange`. nghttpd keeps what it echoes in files, and so costs ten
// times what the proxies do.
#include <iostream>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tools/bench/exchange_upstream/echo.h"

ABSL_FLAG(uint16_t, port, 0, "of 127.0.0.1");
ABSL_FLAG(bool, tls, false, "TLS 1.3 with --certificate, --key and --authority (PEM files)");
ABSL_FLAG(std::string, certificate, "", "of the server");
ABSL_FLAG(std::string, key, "", "of the server");
ABSL_FLAG(std::string, authority, "", "who must have signed the client's certificate");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  std::optional<lgsp::bench::TlsFiles> tls;
  if (absl::GetFlag(FLAGS_tls)) {
    tls = {absl::GetFlag(FLAGS_certificate), absl::GetFlag(FLAGS_key),
           absl::GetFlag(FLAGS_authority)};
  }
  const absl::Status status = lgsp::bench::ServeEcho(absl::GetFlag(FLAGS_port), tls);
  std::cerr << "lgsp-bench-exchange-upstream: " << status.message() << '\n';
  return 1;
}
