// The folder of a gateway that is measured: configuration, keys, policy, and what its callers send.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace lgsp::bench {

struct FolderOptions {
  std::string folder;
  // `<ip>:<port>` of the service behind the gateway.
  std::string upstream;
  // Without quotas and evidence.
  bool bare = false;
  // For TLS on both legs: the folder of `authority.crt`, and of `gateway`, `upstream` and `client`
  // as `.crt` and `.key`. Empty: plain HTTP/2 on loopback, and certificates of our own that nobody
  // looks at.
  std::string certificates;
  // One service and one agreement each; tokens of one officer each.
  int agreements = 100, tokens = 1000;
};

// Writes `gateway.textproto`, `paths` and `tokens` (one in each line), keys and certificates.
absl::Status MakeFolder(const FolderOptions& options);

}  // namespace lgsp::bench
