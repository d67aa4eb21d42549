// The pipeline of one call, in order: identify -> authorise -> admit -> route -> relay -> minimise
// -> evidence.
//
// identify:  identify.h, by the connection's key and the access token. authorise: Decide reads the
// platform's headers and finds the agreement. admit:     the worker's and
// connection's limits (worker.h), message sizes (exchange.cc). The quota of the agreement
// (quota.h). route:     the upstream pool of the worker (upstream.h). relay:     exchange.cc.
// minimise, evidence: between exchange and downstream, when they come: they see the answer before
// its trailers leave.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "services/gateway/grpc_wire.h"
#include "services/gateway/identify.h"
#include "services/gateway/policy.h"

namespace lgsp::gateway {

// The head of a request as it came, without pseudo-headers.
struct RequestHead {
  std::string method;
  std::string path;
  Headers fields;
};

// What is allowed, but for who is told to call.
struct Decision {
  const Route* route = nullptr;
  const Grant* grant = nullptr;
  // From now on.
  absl::Duration timeout;
  std::string traceparent;
  // Of a REST call.
  const Endpoint* endpoint = nullptr;
};

// PURE, as is what follows. The errors are documented for callers in README.md.
absl::StatusOr<Decision> Decide(const Policy& policy, const Identity& identity,
                                const RequestHead& head, absl::Time now);

// The same of a REST call.
absl::StatusOr<Decision> DecideRest(const Policy& policy, const Identity& identity,
                                    const RequestHead& head, const RestTarget& target,
                                    absl::Time now);

// Who calls, as the service is told; all but iss, iat and exp.
absl::StatusOr<lgsp::auth::v1::Caller> CallerOf(const Decision& decision, const Identity& identity,
                                                const RequestHead& head);
// Equal for calls of which CallerOf says the same under one policy.
std::string CallerKey(const Policy& policy, const Decision& decision, const Identity& identity,
                      const RequestHead& head);

// Deadline of a call: `grpc-timeout`, bounded; the default when there is none.
absl::StatusOr<absl::Duration> TimeoutOf(const RequestHead& head);

// The head for the service: the caller's own fields, without the platform's, connection-specific
// and credential ones, and ours.
Headers ForwardedHead(const RequestHead& head, const Decision& decision,
                      absl::Duration timeout_left, absl::string_view caller_jws,
                      absl::string_view exchange_id);

// The value of a field; empty when absent.
absl::string_view FieldOf(const Headers& fields, absl::string_view name);

}  // namespace lgsp::gateway
