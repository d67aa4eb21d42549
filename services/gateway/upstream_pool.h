// Connections to services: a pool per worker.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "lgsp/registry/v1/policy.pb.h"
#include "services/gateway/outlier.h"
#include "services/gateway/policy.h"
#include "services/gateway/upstream.h"

namespace lgsp::gateway {

// All connections to one address, and the calls that wait for one.
struct UpstreamGroup {
  std::string address;
  std::string tls_identity;
  bool http1 = false;
  std::vector<std::shared_ptr<Upstream>> connections;
  std::deque<Exchange*> waiting;
  Outlier outlier;
  // As it was counted last.
  bool counted_ejected = false;
};

// Used by one worker.
class UpstreamPool {
 public:
  explicit UpstreamPool(Worker* worker) : worker_(worker) {}

  // Opens the exchange's stream to its service, at once or when a connection is there; or fails the
  // exchange. Of several addresses the one with the fewest calls that is not passed over.
  void Open(Exchange* exchange);
  void StopWaiting(Exchange* exchange);
  // A connection has become ready, has room again, or has ended.
  void Changed(UpstreamGroup* group);
  void Ended(UpstreamGroup* group, Upstream* upstream, bool was_usable);

  // What the way to the address has shown (outlier.h).
  void Connected(UpstreamGroup* group);
  void Answered(UpstreamGroup* group);
  void ConnectionLost(UpstreamGroup* group);

  // Every second: looks whether addresses that could not be reached are back, calls or not; forgets
  // those that are not in `policy` any more.
  void Sweep(const Policy& policy);

 private:
  UpstreamGroup* GroupOf(const lgsp::registry::v1::Upstream& upstream);
  // One more connection, if calls wait, none is coming up and there may be more.
  void ConnectIfNeeded(UpstreamGroup* group);
  void Connect(UpstreamGroup* group);
  void Wait(UpstreamGroup* group, Exchange* exchange);
  // Logs and counts what has changed.
  void Count(UpstreamGroup* group);

  Worker* const worker_;
  absl::node_hash_map<std::string, UpstreamGroup> groups_;
};

}  // namespace lgsp::gateway
