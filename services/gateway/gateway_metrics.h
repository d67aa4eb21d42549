// The gateway's metrics. Handles are taken when a policy is compiled, never per call.
#pragma once

#include <array>
#include <string>

#include "absl/strings/string_view.h"
#include "libs/metrics/metrics.h"

namespace lgsp::gateway {

// One method's: rate, errors by code, duration.
struct RouteMetrics {
  metrics::Counter started;
  std::array<metrics::Counter, 17> handled;
  metrics::Histogram seconds;
};

class GatewayMetrics {
 public:
  explicit GatewayMetrics(metrics::Registry* registry);

  RouteMetrics ForRoute(absl::string_view service, absl::string_view method);
  // Calls refused before a route was found; `reason` is one of a fixed set of our own.
  metrics::Counter Refused(absl::string_view reason);
  // How many workers pass the address over.
  metrics::Gauge Ejected(absl::string_view address);
  metrics::Counter TlsRejected(absl::string_view reason);

  // Calls of methods that are not in the policy are one method to Prometheus.
  RouteMetrics other;
  metrics::Gauge connections, upstream_connections, inflight;
  metrics::Gauge policy_epoch, policy_version;
  // 0 while the disk of the evidence log has too little room for new calls.
  metrics::Gauge evidence_room;
  // 1 when the policy in force could not be remembered for the next start.
  metrics::Gauge policy_unremembered;
  metrics::Counter policy_refused;
  // Connections closed because too many bytes were held.
  metrics::Counter shed_connections;
  metrics::Counter evidence_dropped;

 private:
  metrics::Registry* const registry_;
};

}  // namespace lgsp::gateway
