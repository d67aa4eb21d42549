// Makes the folder of a gateway for `tools/bench exchange`.
#include <iostream>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tools/bench/exchange_setup/folder.h"

ABSL_FLAG(std::string, folder, "", "what to make");
ABSL_FLAG(std::string, upstream, "", "<ip>:<port> of the service behind the gateway");
ABSL_FLAG(bool, bare, false, "without quotas and evidence");
ABSL_FLAG(std::string, certificates, "", "for TLS on both legs: the folder of the certificates");
ABSL_FLAG(int, agreements, 100, "how many");
ABSL_FLAG(int, tokens, 1000, "how many");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  lgsp::bench::FolderOptions options;
  options.folder = absl::GetFlag(FLAGS_folder);
  options.upstream = absl::GetFlag(FLAGS_upstream);
  options.bare = absl::GetFlag(FLAGS_bare);
  options.certificates = absl::GetFlag(FLAGS_certificates);
  options.agreements = absl::GetFlag(FLAGS_agreements);
  options.tokens = absl::GetFlag(FLAGS_tokens);
  const absl::Status made = lgsp::bench::MakeFolder(options);
  if (made.ok()) return 0;
  std::cerr << "lgsp-bench-exchange-setup: " << made << "\n";
  return 1;
}
