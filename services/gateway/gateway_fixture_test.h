// A whole gateway in this process, with a system that calls it and a service behind it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libs/clock/clock.h"
#include "libs/keys/jws.h"
#include "libs/keys/x509.h"
#include "libs/metrics/metrics.h"
#include "libs/testing/files.h"
#include "services/gateway/config.pb.h"
#include "services/gateway/h2_peer_test.h"
#include "services/gateway/policy_fixture_test.h"
#include "services/gateway/server.h"

namespace lgsp::gateway {

// A call as it arrived at the service.
struct Arrival {
  H2Peer* peer = nullptr;
  int32_t id = 0;
  PeerStream& stream() const { return peer->stream(id); }
};

class GatewayFixture {
 public:
  // Certificates, policy and configuration are made; the service listens.
  GatewayFixture();
  ~GatewayFixture();

  // With the policy of policy_fixture_test.h. To be changed before Start.
  GatewayConfig config;
  PeerOptions upstream_options;
  lgsp::registry::v1::PolicySnapshot snapshot;

  // `inherited`: listening sockets, the server's from now on.
  void Start(std::vector<int> inherited = {});
  // Signs `snapshot` and puts it on disk.
  void WritePolicy();

  // A connection of system alpha, ready for calls.
  H2Peer& Client(PeerOptions options = {});
  // With TLS as `options` says; not waited for.
  H2Peer& Connect(PeerOptions options);
  PeerTls ClientTls(const keys::CertifiedKey* identity, int max_version = TLS1_3_VERSION) const;
  keys::CertifiedKey Certify(absl::Duration begins, absl::Duration ends) const;

  // The next call that arrives at the service, with its head.
  Arrival NextArrival();
  // Connections that were made to the service.
  std::vector<std::unique_ptr<H2Peer>>& upstreams() { return listener_->peers; }
  PeerListener& listener() { return *listener_; }

  void RunUntil(const std::function<bool()>& done) { loop.RunUntil(done); }
  // Until the stream is closed; then how the call ended.
  absl::Status Finish(H2Peer& peer, int32_t id);
  double Metric(absl::string_view name_and_labels) const;
  // Calls of Echo that ended with `code`, or `*`.
  double Handled(absl::string_view method, absl::string_view code) const;
  double Started(absl::string_view method) const;

  PeerLoop loop;
  lgsp::testing::TemporaryFolder folder;
  metrics::Registry metrics;
  SystemClock clock;
  keys::CertifiedKey authority, alpha;
  const keys::SigningKey caller_key = keys::SigningKey::Generate();
  const keys::SigningKey policy_key = keys::SigningKey::Generate();
  const keys::SigningKey evidence_key = keys::SigningKey::Generate();
  std::unique_ptr<Server> server;

 private:
  keys::CertifiedKey ServiceCertificate(absl::string_view service) const;

  PeerListener* listener_ = nullptr;
  std::map<const H2Peer*, size_t> seen_;
};

// The head of a gRPC request.
Headers GrpcHead(absl::string_view path, Headers more = {});
// Of an answer.
inline const Headers kAnswerHead = {{":status", "200"}, {"content-type", "application/grpc"}};
inline const Headers kOkTrailers = {{"grpc-status", "0"}};

}  // namespace lgsp::gateway
