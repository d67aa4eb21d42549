// The load of `tools/bench exchange`: prints one JSON object of what it did, exits with 1 when it
// could not do it.
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/flags/parse.h"
#include "libs/status/status.h"
#include "tools/bench/exchange_load/flags.h"
#include "tools/bench/exchange_load/load.h"

namespace lgsp::bench {
namespace {

std::string AsJson(const Told& told) {
  nlohmann::ordered_json out = {{"calls", told.calls},
                                {"failed", told.failed},
                                {"seconds", told.seconds},
                                {"per_second", static_cast<double>(told.calls) / told.seconds},
                                {"p50_us", told.p50_us},
                                {"p90_us", told.p90_us},
                                {"p99_us", told.p99_us},
                                {"max_us", told.max_us},
                                {"cpu_us_per_call", told.cpu_us_per_call},
                                {"watched_cpu_us_per_call", told.watched_cpu_us_per_call}};
  if (told.failed > 0) out["first_failure"] = told.first_failure;
  // A failure's text is the other side's: it may be no UTF-8.
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<std::string> RunOfFlags() {
  ASSIGN_OR_RETURN(const Load load, LoadOfFlags());
  ASSIGN_OR_RETURN(const Told told, Run(load));
  return AsJson(told);
}

}  // namespace
}  // namespace lgsp::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const auto told = lgsp::bench::RunOfFlags();
  if (!told.ok()) {
    std::cerr << "lgsp-bench-exchange-load: " << told.status().message() << '\n';
    return 1;
  }
  std::cout << *told << '\n';
  return 0;
}
