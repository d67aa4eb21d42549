#include "services/gateway/gateway_fixture_test.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/testing/metric_value.h"

namespace lgsp::gateway {
namespace {

constexpr absl::Duration kValidity = absl::Hours(1);

keys::CertifiedKey Made(absl::StatusOr<keys::CertifiedKey> made) {
  INFO(made.status());
  REQUIRE(made.ok());
  return *std::move(made);
}

}  // namespace

Headers GrpcHead(absl::string_view path, Headers more) {
  Headers head = {{":method", "POST"},
                  {":scheme", "https"},
                  {":path", path},
                  {":authority", "gateway"},
                  {"content-type", "application/grpc"},
                  {"te", "trailers"}};
  head.Append(more);
  return head;
}

GatewayFixture::GatewayFixture() {
  const absl::Time now = clock.SecurityNow();
  authority = Made(keys::MakeAuthority("test", now - kValidity, now + kValidity));
  alpha = Certify(-kValidity, kValidity);
  const keys::CertifiedKey gateway = ServiceCertificate("gateway");
  const keys::CertifiedKey echo = ServiceCertificate("echo");

  folder.Write("ca.crt", authority.certificate_pem);
  folder.Write("gateway.crt", gateway.certificate_pem);
  folder.Write("gateway.key", gateway.private_key_pem);
  folder.Write("caller.key", caller_key.ToPem());
  folder.Write("policy.pub", policy_key.PublicPem());
  config.set_profile(GatewayConfig::DEVELOPMENT);
  config.set_listen("127.0.0.1:0");
  config.set_certificate_file("gateway.crt");
  config.set_private_key_file("gateway.key");
  config.set_authority_file("ca.crt");
  config.set_caller_key_file("caller.key");
  config.set_policy_file("policy.pb");
  config.add_policy_key_files("policy.pub");
  config.set_policy_state_file("policy.state");
  config.set_workers(1);
  config.set_drain_seconds(1);
  folder.Write("evidence.key", evidence_key.ToPem());
  config.set_evidence_directory("evidence");
  config.set_evidence_origin("test/gateway/0");
  config.set_evidence_key_file("evidence.key");

  upstream_options.tls = MakePeerTls(true, &echo, authority.certificate_pem);
  listener_ = &loop.Listen(upstream_options);
  snapshot = MakeSnapshot(absl::StrCat("127.0.0.1:", listener_->port),
                          *keys::SpkiSha256(alpha.certificate_pem));
}

GatewayFixture::~GatewayFixture() {
  // First, as the server waits for its connections to end, and nothing would move them on.
  loop.CloseAll();
}

keys::CertifiedKey GatewayFixture::Certify(absl::Duration begins, absl::Duration ends) const {
  keys::CertificateRequest request;
  request.common_name = "system";
  request.not_before = clock.SecurityNow() + begins;
  request.not_after = clock.SecurityNow() + ends;
  return Made(keys::IssueCertificate(authority, request));
}

keys::CertifiedKey GatewayFixture::ServiceCertificate(absl::string_view service) const {
  keys::CertificateRequest request;
  request.common_name = std::string(service);
  request.uris = {keys::ServiceIdentity(service)};
  request.not_before = clock.SecurityNow() - kValidity;
  request.not_after = clock.SecurityNow() + kValidity;
  return Made(keys::IssueCertificate(authority, request));
}

void GatewayFixture::WritePolicy() {
  REQUIRE(config::WriteFile(folder.path() + "/policy.pb", Sign(snapshot, policy_key)).ok());
}

void GatewayFixture::Start(std::vector<int> inherited) {
  listener_->options = upstream_options;
  listener_->options.server = true;
  WritePolicy();
  auto started = Server::Start(config, folder.path(), &metrics, &clock,
                               InheritedSockets(std::move(inherited)));
  INFO(started.status());
  REQUIRE(started.ok());
  server = *std::move(started);
}

PeerTls GatewayFixture::ClientTls(const keys::CertifiedKey* identity, int max_version) const {
  return MakePeerTls(false, identity, authority.certificate_pem, max_version);
}

H2Peer& GatewayFixture::Connect(PeerOptions options) {
  return loop.Connect(server->port(), std::move(options));
}

H2Peer& GatewayFixture::Client(PeerOptions options) {
  if (options.tls == nullptr) options.tls = ClientTls(&alpha);
  H2Peer& client = Connect(std::move(options));
  RunUntil([&] { return client.over() || client.settled(); });
  REQUIRE_FALSE(client.over());
  return client;
}

Arrival GatewayFixture::NextArrival() {
  Arrival arrival;
  RunUntil([&] {
    for (const auto& peer : upstreams()) {
      size_t& seen = seen_[peer.get()];
      if (seen >= peer->incoming().size()) continue;
      arrival = {peer.get(), peer->incoming()[seen++]};
      return true;
    }
    return false;
  });
  return arrival;
}

absl::Status GatewayFixture::Finish(H2Peer& peer, int32_t id) {
  RunUntil([&] { return peer.stream(id).closed() || peer.over(); });
  REQUIRE(peer.stream(id).closed());
  return peer.stream(id).Outcome();
}

double GatewayFixture::Metric(absl::string_view name_and_labels) const {
  return lgsp::testing::MetricValue(metrics, name_and_labels);
}

double GatewayFixture::Handled(absl::string_view method, absl::string_view code) const {
  static constexpr const char* kCodes[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  const absl::string_view service = method == "other" ? "other" : kEcho;
  double sum = 0;
  for (const char* name : kCodes) {
    if (code != "*" && code != name) continue;
    sum += Metric(absl::StrCat("grpc_server_handled_total{grpc_code=\"", name, "\",grpc_method=\"",
                               method, "\",grpc_service=\"", service, "\"}"));
  }
  return sum;
}

double GatewayFixture::Started(absl::string_view method) const {
  const absl::string_view service = method == "other" ? "other" : kEcho;
  return Metric(absl::StrCat("grpc_server_started_total{grpc_method=\"", method,
                             "\",grpc_service=\"", service, "\"}"));
}

}  // namespace lgsp::gateway
