// One round of `tools/bench evidence`; prints one line of JSON (measure.h).
#include <iostream>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tools/bench/evidence_log/measure.h"

ABSL_FLAG(std::string, folder, "", "where the log is made; must not exist");
ABSL_FLAG(uint64_t, records, 1'000'000, "how many");
ABSL_FLAG(uint64_t, seed, 0, "of what they hold");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const auto told = lgsp::bench::MeasureLog(
      absl::GetFlag(FLAGS_folder), absl::GetFlag(FLAGS_records), absl::GetFlag(FLAGS_seed));
  if (!told.ok()) {
    std::cerr << "lgsp-bench-evidence: " << told.status() << "\n";
    return 1;
  }
  std::cout << told->dump() << "\n";
  return 0;
}
