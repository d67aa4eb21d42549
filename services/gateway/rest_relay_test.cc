// REST calls through a whole gateway over TLS and HTTP/2; HTTP/1.1 is in
// tests/contract/rest_test.py.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/gateway/gateway_fixture_test.h"
#include "services/gateway/rest.h"

namespace lgsp::gateway {
namespace {

constexpr char kLand[] = "r1/VN/GOV/CAMAU/LAND/parcels";
constexpr char kClient[] = "VN/GOV/CAMAU/ONESTOP";

// Alpha may read parcels, and post surveys.
void AddLand(GatewayFixture& fixture) {
  auto& snapshot = fixture.snapshot;
  snapshot.mutable_systems(0)->set_xroad_client(kClient);
  auto& service = *snapshot.add_services();
  service.set_name(kLand);
  service.set_base_path("/api");
  *service.add_upstreams() = snapshot.services(0).upstreams(0);
  auto& agreement = *snapshot.add_agreements();
  agreement.set_name("agreements/alpha-land");
  agreement.set_consumer(kAlpha);
  agreement.set_service(kLand);
  agreement.add_methods("GET /parcels/*");
  agreement.add_methods("HEAD /parcels/*");
  agreement.add_methods("POST /surveys");
}

Headers RestHead(absl::string_view method, absl::string_view rest, Headers more = {}) {
  Headers head = {{":method", method}, {":scheme", "https"}, {":authority", "gateway"}};
  head.Add(":path", absl::StrCat("/", kLand, rest));
  head.Add("x-road-client", kClient);
  head.Append(more);
  return head;
}

void RunToEnd(GatewayFixture& fixture, H2Peer& client, int32_t id) {
  fixture.RunUntil([&] { return client.stream(id).closed() || client.over(); });
}

TEST_CASE(
    "a REST call passes with its path, query and fields, and comes back with the protocol's") {
  GatewayFixture fixture;
  AddLand(fixture);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(RestHead("GET", "/parcels/7%201?x=%C3%A9&y",
                                             {{"accept", "application/json"},
                                              {"cookie", "a=b"},
                                              {"lgsp-purpose", "test"},
                                              {"x-road-request-id", "forged"},
                                              {"user-agent", "mine"}}),
                                    "", true);
  const Arrival arrival = fixture.NextArrival();
  const PeerStream& request = arrival.stream();
  CHECK(request.Field(":method") == "GET");
  CHECK(request.Field(":path") == "/api/parcels/7%201?x=%C3%A9&y");
  CHECK(request.Field("cookie") == "a=b");
  CHECK(request.Field("x-road-client") == kClient);
  CHECK(request.Field("user-agent").empty());
  CHECK(request.Field("lgsp-purpose").empty());
  CHECK_FALSE(request.Field("lgsp-caller").empty());
  CHECK(absl::StartsWith(request.Field("x-road-id"), "VN-"));
  CHECK(request.Field("x-road-request-id") != "forged");
  arrival.peer->Respond(arrival.id, {{":status", "404"},
                                     {"content-type", "text/plain"},
                                     {"content-length", "4"},
                                     {"server", "secret"},
                                     {"x-road-service", "forged"},
                                     {"lgsp-receipt", "forged"}});
  arrival.peer->Send(arrival.id, "none");
  arrival.peer->End(arrival.id);
  RunToEnd(fixture, client, id);
  const PeerStream& answer = client.stream(id);
  CHECK(answer.error_code == NGHTTP2_NO_ERROR);
  CHECK(answer.Field(":status") == "404");
  CHECK(answer.body == "none");
  CHECK(answer.Field("server").empty());
  CHECK(answer.Field("lgsp-receipt").empty());
  CHECK(answer.Field("x-road-error").empty());
  CHECK(answer.Field("x-road-service") == "VN/GOV/CAMAU/LAND/parcels");
  CHECK(answer.Field("x-road-client") == kClient);
  CHECK(answer.Field("x-road-id") == request.Field("x-road-id"));
  CHECK(answer.Field("x-road-request-id") == request.Field("x-road-request-id"));
  CHECK(answer.Field("x-road-request-hash").size() == 88);
  CHECK(answer.Field("lgsp-exchange-id") == request.Field("lgsp-exchange-id"));
}

TEST_CASE("REST calls are refused with the protocol's errors") {
  GatewayFixture fixture;
  AddLand(fixture);
  fixture.Start();
  H2Peer& client = fixture.Client();
  struct Case {
    Headers head;
    absl::string_view status, reason;
  };
  const Case cases[] = {
      {RestHead("GET", "/owners/1"), "403", "NO_AGREEMENT"},
      {RestHead("DELETE", "/parcels/1"), "403", "NO_AGREEMENT"},
      {RestHead("GET", "/parcels/1/../2"), "400", "PATH_INVALID"},
      {RestHead("GET", "/parcels/%2e%2e"), "400", "PATH_INVALID"},
      {RestHead("GET", "/parcels/1", {{"x-road-client", "VN/GOV/OTHER/X"}}), "403",
       "CLIENT_NOT_ALLOWED"},
      {RestHead("GET", "/parcels/1", {{"x-road-client", "VN"}}), "400", "CLIENT_INVALID"},
      {RestHead("GET", "/parcels/1", {{"lgsp-caller", "x"}}), "400", "HEADER_RESERVED"},
      {RestHead("GET", "/parcels/1", {{"content-length", "5"}}), "400", "BODY_NOT_ALLOWED"},
      {RestHead("CHECK", "/parcels/1"), "405", "METHOD_UNSUPPORTED"},
      {RestHead("GET", "/parcels/1", {{"authorization", "Basic x"}}), "401", "TOKEN_INVALID"},
  };
  for (const Case& row : cases) {
    INFO(row.reason);
    const bool body = row.reason == "BODY_NOT_ALLOWED";
    const int32_t id = client.Request(row.head, body ? "12345" : "", true);
    RunToEnd(fixture, client, id);
    const PeerStream& answer = client.stream(id);
    CHECK(answer.Field(":status") == row.status);
    CHECK_FALSE(answer.Field("x-road-error").empty());
    CHECK(absl::StrContains(answer.body, row.reason));
    CHECK(absl::StrContains(answer.body, answer.Field("lgsp-exchange-id")));
  }
  CHECK(fixture.upstreams().empty());
}

TEST_CASE("a body comes through both ways, and its hash is over what came") {
  GatewayFixture fixture;
  AddLand(fixture);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const std::string survey(300'000, 's');
  const int32_t id = client.Request(RestHead("POST", "/surveys"), survey, true);
  const Arrival arrival = fixture.NextArrival();
  fixture.RunUntil([&] { return arrival.stream().ended; });
  CHECK(arrival.stream().body == survey);
  // Without a length, and with trailers, which REST has not.
  arrival.peer->Respond(arrival.id, {{":status", "201"}});
  const std::string answer(400'000, 'a');
  arrival.peer->Send(arrival.id, answer);
  arrival.peer->End(arrival.id, {{"x-trailer", "t"}});
  RunToEnd(fixture, client, id);
  CHECK(client.stream(id).body == answer);
  CHECK(client.stream(id).Field("x-trailer").empty());
  CHECK(client.stream(id).error_code == NGHTTP2_NO_ERROR);
}

TEST_CASE("an answer that breaks off is not taken for a whole one") {
  GatewayFixture fixture;
  AddLand(fixture);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(RestHead("GET", "/parcels/1"), "", true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, {{":status", "200"}});
  arrival.peer->Send(arrival.id, "part");
  fixture.RunUntil([&] { return client.stream(id).received == 4; });
  arrival.peer->Abort();
  RunToEnd(fixture, client, id);
  CHECK(client.stream(id).error_code == NGHTTP2_INTERNAL_ERROR);
  CHECK(fixture.Metric(absl::StrCat("grpc_server_handled_total{grpc_code=\"UNAVAILABLE\","
                                    "grpc_method=\"rest\",grpc_service=\"",
                                    kLand, "\"}")) == 1);

  // Before its head it is an error of the protocol.
  const int32_t silent = client.Request(RestHead("GET", "/parcels/1"), "", true);
  fixture.NextArrival().peer->Abort();
  RunToEnd(fixture, client, silent);
  CHECK(client.stream(silent).Field(":status") == "503");
  CHECK(client.stream(silent).Field("x-road-error") == "server.serverproxy.network_error");
}

TEST_CASE("HEAD is answered without a body, by the service or by us") {
  GatewayFixture fixture;
  AddLand(fixture);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(RestHead("HEAD", "/parcels/1"), "", true);
  const Arrival arrival = fixture.NextArrival();
  CHECK(arrival.stream().Field(":method") == "HEAD");
  arrival.peer->Respond(arrival.id, {{":status", "200"}, {"content-length", "99"}}, true);
  RunToEnd(fixture, client, id);
  CHECK(client.stream(id).Field("content-length") == "99");
  CHECK(client.stream(id).error_code == NGHTTP2_NO_ERROR);
  const int32_t refused = client.Request(RestHead("HEAD", "/other"), "", true);
  RunToEnd(fixture, client, refused);
  CHECK(client.stream(refused).Field(":status") == "403");
  CHECK(client.stream(refused).body.empty());
}

TEST_CASE("a body where none may be ends the call") {
  GatewayFixture fixture;
  AddLand(fixture);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(RestHead("GET", "/parcels/1"), "", false);
  fixture.NextArrival();
  client.Send(id, "x");
  RunToEnd(fixture, client, id);
  CHECK(client.stream(id).Field(":status") == "400");
  CHECK(absl::StrContains(client.stream(id).body, "BODY_NOT_ALLOWED"));
}

TEST_CASE("a policy that takes the endpoint away ends calls under way") {
  GatewayFixture fixture;
  AddLand(fixture);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(RestHead("POST", "/surveys"), "", false);
  fixture.NextArrival();
  auto& agreement = *fixture.snapshot.mutable_agreements(1);
  agreement.clear_methods();
  agreement.add_methods("GET /parcels/*");
  fixture.snapshot.set_version(2);
  fixture.WritePolicy();
  RunToEnd(fixture, client, id);
  CHECK(client.stream(id).Field(":status") == "403");
  CHECK(absl::StrContains(client.stream(id).body, "AGREEMENT_WITHDRAWN"));
}

}  // namespace
}  // namespace lgsp::gateway
