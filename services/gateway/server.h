// The gateway, put together: what main runs and tests start in their own process.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/clock/clock.h"
#include "libs/metrics/metrics.h"
#include "services/gateway/config.pb.h"
#include "services/gateway/inherited_sockets.h"

namespace lgsp::gateway {

class Server {
 public:
  // FAILED_PRECONDITION H2C_NOT_ALLOWED (h2c outside of development or not on loopback),
  // INVALID_ARGUMENT ADDRESS_INVALID, and those of Worker, PolicySource, TLS files and keys.
  // Listens with `inherited` where they are for a configured address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const GatewayConfig& config,
                                                       absl::string_view base,
                                                       metrics::Registry* registry,
                                                       const Clock* clock,
                                                       InheritedSockets inherited = {});
  ~Server();

  int port() const;
  // 0 when there is none.
  int h2c_port() const;
  // Stops taking calls, lets those under way end, at most for the configured time; returns when all
  // is over.
  void Drain();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lgsp::gateway
