// Unary gRPC calls to something that echoes, from one thread that costs as little as it can: what
// it leaves over is the upstream's, on the same core.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/bench/exchange_load/tls.h"

namespace lgsp::bench {

struct Load {
  std::string host = {};
  std::string port = {};
  // Absent: HTTP/2 without TLS.
  std::optional<TlsFiles> tls = {};
  int connections = 8;
  // Calls at a time on each connection.
  int streams = 50;
  // The call with number n has path n and token n, modulo how many there are. Tokens may be absent.
  std::vector<std::string> paths = {};
  std::vector<std::string> tokens = {};
  // Of the gRPC message with its prefix.
  size_t request_bytes = 100;
  absl::Duration warm_up = absl::ZeroDuration();
  absl::Duration measured = absl::ZeroDuration();
  // Calls per second, whether answers come or not; 0: the next call when one is answered.
  double rate = 0;
  // Processes whose CPU time within the measured time is told.
  std::vector<pid_t> watched = {};
};

// Of calls answered within the measured time; with a rate, of those that should have left in it.
struct Told {
  int64_t calls = 0;
  int64_t failed = 0;
  std::string first_failure = {};
  double seconds = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double max_us = 0;
  // CPU time of this program, and of the watched processes, of each call.
  double cpu_us_per_call = 0;
  double watched_cpu_us_per_call = 0;
};

// UNAVAILABLE BENCH_CONNECTION_FAILED when a connection cannot be made or ends; calls that fail are
// counted instead.
absl::StatusOr<Told> Run(const Load& load);

}  // namespace lgsp::bench
