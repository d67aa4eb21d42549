// A gRPC server that answers every call with what it was sent: the upstream of `tools/bench
// exchange`.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "tools/bench/exchange_load/tls.h"

namespace lgsp::bench {

// Serves on a port of loopback for ever, with one thread. UNAVAILABLE BENCH_CONNECTION_FAILED when
// it cannot listen.
absl::Status ServeEcho(uint16_t port, const std::optional<TlsFiles>& tls);

}  // namespace lgsp::bench
