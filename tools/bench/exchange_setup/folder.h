// The folder of a gateway that is measured: configuration, keys, policy, and what its callers send.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace lgsp::bench {

struct FolderOptions {
  std::string folder;
  // `<ip>:<port>` of the service behind the gateway.
  std::string upstream;
  // Without tokens, quotas and evidence.
  bool bare = false;
  // Both legs; otherwise plain HTTP/2 on loopback.
  bool tls = false;
  // One service and one agreement each; tokens of one officer each.
  int agreements = 100, tokens = 1000;
};

// Writes `gateway.textproto`, `paths` and `tokens` (one in each line), keys and certificates:
// `authority.crt`, `client.crt` and `.key` of the system that calls, `upstream.crt` and `.key`.
absl::Status MakeFolder(const FolderOptions& options);

}  // namespace lgsp::bench
