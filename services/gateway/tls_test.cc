// Who gets a connection, and how the others are told, by real handshakes.
#include "services/gateway/tls.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "services/gateway/gateway_fixture_test.h"

namespace lgsp::gateway {
namespace {

std::string Rejected(absl::string_view reason) {
  return absl::StrCat("gateway_tls_rejected_total{reason=\"", reason, "\"}");
}

// Connects and waits for the connection's end; the alert that ended it.
int AlertOf(GatewayFixture& fixture, PeerOptions options) {
  H2Peer& client = fixture.Connect(std::move(options));
  fixture.RunUntil([&] { return client.over(); });
  return client.alert();
}

TEST_CASE("who shows no certificate reads why, and is counted") {
  GatewayFixture fixture;
  fixture.Start();
  PeerOptions options;
  options.tls = fixture.ClientTls(nullptr);
  CHECK(AlertOf(fixture, options) == SSL_AD_CERTIFICATE_REQUIRED);
  fixture.RunUntil([&] { return fixture.Metric(Rejected("no_certificate")) == 1; });
  CHECK(fixture.Metric(Rejected("expired")) == 0);
}

TEST_CASE("a certificate counts within its period only") {
  GatewayFixture fixture;
  fixture.Start();
  const keys::CertifiedKey ended = fixture.Certify(-absl::Hours(2), -absl::Seconds(2));
  const keys::CertifiedKey to_come = fixture.Certify(absl::Hours(1), absl::Hours(2));
  PeerOptions options;
  options.tls = fixture.ClientTls(&ended);
  CHECK(AlertOf(fixture, options) == SSL_AD_CERTIFICATE_EXPIRED);
  options.tls = fixture.ClientTls(&to_come);
  CHECK(AlertOf(fixture, options) > 0);
  fixture.RunUntil([&] { return fixture.Metric(Rejected("expired")) == 2; });
}

TEST_CASE("TLS before 1.3 and peers with another protocol are turned away") {
  GatewayFixture fixture;
  fixture.Start();
  PeerOptions options;
  options.tls = fixture.ClientTls(&fixture.alpha, TLS1_2_VERSION);
  CHECK(AlertOf(fixture, options) == SSL_AD_PROTOCOL_VERSION);
  fixture.RunUntil([&] { return fixture.Metric(Rejected("not_tls13")) == 1; });

  options.tls = fixture.ClientTls(&fixture.alpha);
  options.alpn = "spdy/1";
  CHECK(AlertOf(fixture, options) == SSL_AD_NO_APPLICATION_PROTOCOL);
  // Who offers nothing speaks HTTP/1.1: an HTTP/2 preface is no request, and ends the connection.
  options.alpn = "";
  CHECK(AlertOf(fixture, options) == -1);
  CHECK(fixture.Started("other") == 0);
}

TEST_CASE("what is no TLS at all ends the connection") {
  GatewayFixture fixture;
  fixture.Start();
  PeerOptions plain;
  CHECK(AlertOf(fixture, plain) == -1);
  fixture.RunUntil([&] { return fixture.Metric(Rejected("handshake")) == 1; });
  fixture.RunUntil([&] { return fixture.Metric("gateway_connections") == 0; });
}

TEST_CASE("a key that is not registered gets a connection, and every call refused") {
  GatewayFixture fixture;
  fixture.Start();
  // Of the same authority, with the same name: only the key counts.
  const keys::CertifiedKey other = fixture.Certify(-absl::Hours(1), absl::Hours(1));
  PeerOptions options;
  options.tls = fixture.ClientTls(&other);
  H2Peer& client = fixture.Client(options);
  for (const char* path : {kUnary, "/grpc.health.v1.Health/Check",
                           "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"}) {
    const int32_t id = client.Request(GrpcHead(path), FrameMessage(""), true);
    const absl::Status status = fixture.Finish(client, id);
    CHECK(absl::IsUnauthenticated(status));
    CHECK(ErrorReason(status) == "SYSTEM_UNKNOWN");
  }
  CHECK(fixture.upstreams().empty());
  CHECK(fixture.Metric("gateway_connections") == 1);
}

TEST_CASE("a key is known whoever issued its certificate") {
  GatewayFixture fixture;
  const absl::Time now = fixture.clock.SecurityNow();
  const auto elsewhere =
      keys::MakeAuthority("elsewhere", now - absl::Hours(1), now + absl::Hours(1));
  REQUIRE(elsewhere.ok());
  keys::CertificateRequest request;
  request.common_name = "renewed";
  request.not_before = now - absl::Hours(1);
  request.not_after = now + absl::Hours(1);
  request.private_key_pem = fixture.alpha.private_key_pem;
  const auto renewed = keys::IssueCertificate(*elsewhere, request);
  REQUIRE(renewed.ok());
  fixture.Start();
  PeerOptions options;
  options.tls = fixture.ClientTls(&*renewed);
  H2Peer& client = fixture.Client(options);
  const int32_t id =
      client.Request(GrpcHead("/grpc.health.v1.Health/Check"), FrameMessage(""), true);
  CHECK(fixture.Finish(client, id).ok());
}

TEST_CASE("the gateway shows a certificate of the platform and takes h2 only") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  CHECK(PeerHasUri(client.ssl(), "spiffe://lgsp.camau/service/gateway"));
  CHECK_FALSE(PeerHasUri(client.ssl(), "spiffe://lgsp.camau/service/gatewa"));
  CHECK_FALSE(PeerHasUri(client.ssl(), "spiffe://lgsp.camau/service/gateway2"));
  CHECK_FALSE(PeerHasUri(client.ssl(), ""));
  CHECK(AgreedOnH2(client.ssl()));
  CHECK(PeerSpkiSha256(client.ssl()) ==
        *keys::SpkiSha256(*config::ReadFile(fixture.folder.path() + "/gateway.crt")));
}

TEST_CASE("the gateway shows its own certificate to services") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  CHECK(PeerHasUri(arrival.peer->ssl(), "spiffe://lgsp.camau/service/gateway"));
  CHECK(AgreedOnH2(arrival.peer->ssl()));
}

TEST_CASE("files that are not usable for TLS are refused by name") {
  GatewayFixture fixture;
  const std::string& folder = fixture.folder.path();
  const std::string certificate = folder + "/gateway.crt";
  const std::string key = folder + "/gateway.key";
  fixture.folder.Write("other.key", fixture.alpha.private_key_pem);
  fixture.folder.Write("empty", "");
  CHECK(MakeServerTls(certificate, key).ok());
  CHECK(MakeClientTls(certificate, key, folder + "/ca.crt").ok());
  const auto reason = [](const auto& made) { return ErrorReason(made.status()); };
  CHECK(reason(MakeServerTls(folder + "/none", key)) == "TLS_FILES_INVALID");
  CHECK(reason(MakeServerTls(folder + "/empty", key)) == "TLS_FILES_INVALID");
  CHECK(reason(MakeServerTls(certificate, folder + "/none")) == "TLS_FILES_INVALID");
  CHECK(reason(MakeServerTls(certificate, folder + "/other.key")) == "TLS_FILES_INVALID");
  CHECK(reason(MakeClientTls(certificate, key, folder + "/none")) == "TLS_FILES_INVALID");
  CHECK(reason(MakeClientTls(certificate, key, folder + "/empty")) == "TLS_FILES_INVALID");
}

TEST_CASE("a renewed certificate is shown to the next who connects") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& before = fixture.Client();
  keys::CertificateRequest request;
  request.common_name = "renewed";
  request.uris = {"spiffe://lgsp.camau/service/renewed"};
  request.not_before = fixture.clock.SecurityNow() - absl::Hours(1);
  request.not_after = fixture.clock.SecurityNow() + absl::Hours(1);
  const std::string key_file = fixture.folder.path() + "/gateway.key";
  request.private_key_pem = *config::ReadFile(key_file);
  const auto renewed = keys::IssueCertificate(fixture.authority, request);
  REQUIRE(renewed.ok());
  REQUIRE(config::WriteFile(fixture.folder.path() + "/gateway.crt", renewed->certificate_pem).ok());
  const auto shown = [&] {
    return PeerHasUri(fixture.Client().ssl(), "spiffe://lgsp.camau/service/renewed");
  };
  fixture.RunUntil(shown);
  // Who is connected stays so.
  const int32_t id =
      before.Request(GrpcHead("/grpc.health.v1.Health/Check"), FrameMessage(""), true);
  CHECK(fixture.Finish(before, id).ok());
}

}  // namespace
}  // namespace lgsp::gateway
