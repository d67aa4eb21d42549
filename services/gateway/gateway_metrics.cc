#include "services/gateway/gateway_metrics.h"

#include "absl/status/status.h"

namespace lgsp::gateway {

GatewayMetrics::GatewayMetrics(metrics::Registry* registry)
    : connections(registry->GetGauge("gateway_connections", "Open connections of systems.")),
      upstream_connections(
          registry->GetGauge("gateway_upstream_connections", "Open connections to services.")),
      inflight(registry->GetGauge("gateway_inflight", "Calls under way.")),
      policy_epoch(registry->GetGauge("gateway_policy_epoch", "Epoch of the policy in force.")),
      policy_version(
          registry->GetGauge("gateway_policy_version", "Version of the policy in force.")),
      evidence_room(registry->GetGauge(
          "gateway_evidence_room", "0 while the evidence log's disk has no room for new calls.")),
      policy_unremembered(registry->GetGauge(
          "gateway_policy_unremembered",
          "1 when the policy in force could not be remembered for the next start.")),
      policy_refused(
          registry->GetCounter("gateway_policy_refused_total", "Policies that were not taken.")),
      shed_connections(
          registry->GetCounter("gateway_shed_connections_total",
                               "Connections closed because the gateway held too many bytes.")),
      evidence_dropped(
          registry->GetCounter("gateway_evidence_dropped_total",
                               "Calls that ended without a record in the evidence log.")),
      registry_(registry) {
  other = ForRoute("other", "other");
}

RouteMetrics GatewayMetrics::ForRoute(absl::string_view service, absl::string_view method) {
  RouteMetrics route;
  route.started = registry_->GetCounter("grpc_server_started_total", "RPCs begun on the server.",
                                        {{"grpc_service", service}, {"grpc_method", method}});
  for (int code = 0; code <= 16; ++code) {
    const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
    route.handled[static_cast<size_t>(code)] = registry_->GetCounter(
        "grpc_server_handled_total", "RPCs ended on the server, by status.",
        {{"grpc_service", service}, {"grpc_method", method}, {"grpc_code", name}});
  }
  route.seconds = registry_->GetHistogram("grpc_server_handling_seconds",
                                          "Time from the begin of an RPC to its status.",
                                          {{"grpc_service", service}, {"grpc_method", method}});
  return route;
}

metrics::Counter GatewayMetrics::Refused(absl::string_view reason) {
  return registry_->GetCounter("gateway_refused_total", "Calls refused by the gateway, by reason.",
                               {{"reason", reason}});
}

metrics::Gauge GatewayMetrics::Ejected(absl::string_view address) {
  return registry_->GetGauge("gateway_upstream_ejected",
                             "Workers that pass an address of a service over.",
                             {{"upstream", address}});
}

metrics::Counter GatewayMetrics::TlsRejected(absl::string_view reason) {
  return registry_->GetCounter("gateway_tls_rejected_total", "Handshakes that failed, by reason.",
                               {{"reason", reason}});
}

}  // namespace lgsp::gateway
