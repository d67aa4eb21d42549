// Channels to other services of the platform, with mutual TLS.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/rpc/config.pb.h"

namespace lgsp::rpc {

// How often a connection is probed, so that a peer whose machine is gone is noticed.
inline constexpr int kKeepaliveTimeMs = 30'000;

// A channel to `peer` as the service whose certificate `config` names. The peer must show the
// certificate of the service `peer.service`. Lives as long as it is held; reconnects by itself.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const RpcConfig& config,
                                                       absl::string_view base,
                                                       const PeerConfig& peer);

// Sets the deadline of an outward call.
void SetDeadline(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace lgsp::rpc
