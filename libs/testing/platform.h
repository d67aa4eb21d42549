// The files of an installation as `lgsp init` makes them, for tests that run real servers and
// clients over mutual TLS.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/keys/jws.h"
#include "libs/keys/x509.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/config.pb.h"
#include "libs/rpc/server.h"
#include "libs/testing/files.h"

namespace lgsp::testing {

// A folder with an authority, the key that signs `lgsp-caller`, call rules, and certificates of the
// services that were asked for. What fails, fails the test. Not thread-safe.
class Platform {
 public:
  // `calls`: libs/rpc/calls.proto as textproto.
  explicit Platform(absl::string_view calls);

  const TemporaryFolder& folder() const { return folder_; }
  // Those of every server started here.
  metrics::Registry& metrics() { return metrics_; }

  // The configuration of a service, with its certificate; it listens on a free port.
  rpc::RpcConfig ConfigOf(absl::string_view service);

  // A server of the platform's `service`, on `port` or a free one.
  std::unique_ptr<rpc::Server> Start(absl::string_view service,
                                     const std::vector<rpc::NamedService>& services, int port = 0);

  // A channel from `service` to the server of `peer` on `port`.
  std::shared_ptr<grpc::Channel> ChannelOf(absl::string_view service, int port,
                                           absl::string_view peer);

  // `lgsp-caller` as the gateway sends it: `caller` for the gRPC service `service`.
  std::string CallerJws(absl::string_view service, lgsp::auth::v1::Caller caller);

 private:
  TemporaryFolder folder_;
  SystemClock clock_;
  keys::CertifiedKey authority_;
  keys::SigningKey signer_ = keys::SigningKey::Generate();
  std::map<std::string, rpc::RpcConfig> configs_;
  metrics::Registry metrics_;
};

}  // namespace lgsp::testing
