// What happens when a service is not there, goes away or refuses.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "libs/status/status.h"
#include "services/gateway/gateway_fixture_test.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

bool HasRetryInfo(const absl::Status& status) {
  google::rpc::RetryInfo retry;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.RetryInfo");
  return payload.has_value() && retry.ParseFromString(std::string(*payload)) &&
         (retry.retry_delay().seconds() > 0 || retry.retry_delay().nanos() > 0);
}

void Answer(const Arrival& arrival) {
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
}

TEST_CASE("calls under way when the service dies end as lost") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t silent = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  const Arrival first = fixture.NextArrival();
  fixture.RunUntil([&] { return first.stream().ended; });
  const int32_t streaming = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival second = fixture.NextArrival();
  REQUIRE(first.peer == second.peer);
  second.peer->Respond(second.id, kAnswerHead);
  second.peer->Send(second.id, FrameMessage("part"));
  fixture.RunUntil([&] { return client.stream(streaming).received > 0; });
  first.peer->Abort();
  for (const int32_t id : {silent, streaming}) {
    const absl::Status status = fixture.Finish(client, id);
    CHECK(absl::IsUnavailable(status));
    CHECK(ErrorReason(status) == "UPSTREAM_LOST");
  }
  CHECK(client.stream(streaming).body == FrameMessage("part"));
  CHECK(fixture.Handled("Unary", "UNAVAILABLE") == 1);
  CHECK(fixture.Handled("Chat", "UNAVAILABLE") == 1);

  // The next call finds it again.
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival third = fixture.NextArrival();
  CHECK(third.peer != first.peer);
  Answer(third);
  CHECK(fixture.Finish(client, next).ok());
}

TEST_CASE("a call refused before any of it was taken is tried once more") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  // No byte of the body has come from the system yet, so none can have been taken.
  const int32_t id = client.Request(GrpcHead(kChat), "", false);
  const Arrival first = fixture.NextArrival();
  first.peer->Reset(first.id, NGHTTP2_REFUSED_STREAM);
  const Arrival second = fixture.NextArrival();
  CHECK(second.stream().Field("lgsp-exchange-id") == first.stream().Field("lgsp-exchange-id"));
  client.Send(id, FrameMessage("x"));
  client.End(id);
  fixture.RunUntil([&] { return second.stream().ended; });
  CHECK(second.stream().body == FrameMessage("x"));
  Answer(second);
  CHECK(fixture.Finish(client, id).ok());
  CHECK(fixture.Started("Chat") == 1);
  CHECK(fixture.Handled("Chat", "*") == 1);

  const int32_t twice = client.Request(GrpcHead(kChat), "", false);
  for (int i = 0; i < 2; ++i) {
    const Arrival arrival = fixture.NextArrival();
    arrival.peer->Reset(arrival.id, NGHTTP2_REFUSED_STREAM);
  }
  const absl::Status status = fixture.Finish(client, twice);
  CHECK(absl::IsUnavailable(status));
  CHECK(ErrorReason(status) == "UPSTREAM_NOT_TAKEN");
}

TEST_CASE("a call refused after its body was taken is not repeated, and says it had no effect") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  fixture.RunUntil([&] { return arrival.stream().received > 0; });
  arrival.peer->Reset(arrival.id, NGHTTP2_REFUSED_STREAM);
  const absl::Status status = fixture.Finish(client, id);
  CHECK(absl::IsUnavailable(status));
  CHECK(ErrorReason(status) == "UPSTREAM_NOT_TAKEN");
  CHECK(absl::StrContains(status.message(), "no effect"));
  CHECK(HasRetryInfo(status));
  CHECK(arrival.peer->incoming().size() == 1);
}

TEST_CASE("calls above the last one a leaving service takes go to a new connection") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t taken = client.Request(GrpcHead(kChat), "", false);
  const Arrival first = fixture.NextArrival();
  const int32_t refused = client.Request(GrpcHead(kChat), "", false);
  const Arrival second = fixture.NextArrival();
  const int32_t spent = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival third = fixture.NextArrival();
  REQUIRE(first.peer == third.peer);
  fixture.RunUntil([&] { return third.stream().received > 0; });
  first.peer->Goaway(first.id);

  const Arrival again = fixture.NextArrival();
  CHECK(again.peer != first.peer);
  CHECK(again.stream().Field("lgsp-exchange-id") == second.stream().Field("lgsp-exchange-id"));
  Answer(again);
  CHECK(fixture.Finish(client, refused).ok());
  CHECK(ErrorReason(fixture.Finish(client, spent)) == "UPSTREAM_NOT_TAKEN");
  // The one it took goes on where it is.
  Answer(first);
  CHECK(fixture.Finish(client, taken).ok());
  // New calls do not go to the leaving one.
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival fourth = fixture.NextArrival();
  CHECK(fourth.peer == again.peer);
  Answer(fourth);
  CHECK(fixture.Finish(client, next).ok());
}

TEST_CASE("a service that is not there is said to be so, at once") {
  GatewayFixture fixture;
  const PeerListener& absent = fixture.loop.Listen({}, false);
  fixture.snapshot.mutable_services(0)->mutable_upstreams(0)->set_address(
      absl::StrCat("127.0.0.1:", absent.port));
  fixture.Start();
  H2Peer& client = fixture.Client();
  // The second comes while the address is known to refuse.
  for (int i = 0; i < 2; ++i) {
    const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
    const absl::Status status = fixture.Finish(client, id);
    CHECK(absl::IsUnavailable(status));
    CHECK(ErrorReason(status) == "UPSTREAM_UNREACHABLE");
    CHECK(HasRetryInfo(status));
  }
  CHECK(fixture.Handled("Unary", "UNAVAILABLE") == 2);
}

TEST_CASE("another address of the service takes the call when the first refuses") {
  GatewayFixture fixture;
  const PeerListener& absent = fixture.loop.Listen({}, false);
  auto* service = fixture.snapshot.mutable_services(0);
  *service->add_upstreams() = service->upstreams(0);
  service->mutable_upstreams(0)->set_address(absl::StrCat("127.0.0.1:", absent.port));
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  // The call that finds out may end as unreachable; while the address is known to refuse, the next
  // goes to the other.
  fixture.RunUntil([&] { return client.stream(id).closed() || !fixture.upstreams().empty(); });
  if (client.stream(id).closed()) {
    CHECK(ErrorReason(client.stream(id).Outcome()) == "UPSTREAM_UNREACHABLE");
  } else {
    Answer(fixture.NextArrival());
    CHECK(fixture.Finish(client, id).ok());
  }
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  Answer(fixture.NextArrival());
  CHECK(fixture.Finish(client, next).ok());
}

TEST_CASE("a service with another's certificate is not spoken to") {
  GatewayFixture fixture;
  fixture.snapshot.mutable_services(0)->mutable_upstreams(0)->set_tls_identity(
      "spiffe://lgsp.camau/service/other");
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("secret"), true);
  CHECK(ErrorReason(fixture.Finish(client, id)) == "UPSTREAM_UNREACHABLE");
  for (const auto& peer : fixture.upstreams()) CHECK(peer->incoming().empty());
}

TEST_CASE("a service whose certificate is not the platform's is not spoken to") {
  GatewayFixture fixture;
  const absl::Time now = fixture.clock.SecurityNow();
  const auto elsewhere =
      keys::MakeAuthority("elsewhere", now - absl::Hours(1), now + absl::Hours(1));
  keys::CertificateRequest request;
  request.common_name = "echo";
  request.uris = {kEchoIdentity};
  request.not_before = now - absl::Hours(1);
  request.not_after = now + absl::Hours(1);
  const auto forged = keys::IssueCertificate(*elsewhere, request);
  REQUIRE(forged.ok());
  fixture.upstream_options.tls = MakePeerTls(true, &*forged, "");
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("secret"), true);
  CHECK(ErrorReason(fixture.Finish(client, id)) == "UPSTREAM_UNREACHABLE");
  for (const auto& peer : fixture.upstreams()) CHECK(peer->incoming().empty());
}

TEST_CASE("calls beyond a connection's streams get more connections, then wait their turn") {
  GatewayFixture fixture;
  fixture.upstream_options.max_streams = 1;
  fixture.Start();
  H2Peer& client = fixture.Client();
  constexpr int kCalls = kMaxConnectionsPerUpstream + 2;
  std::vector<int32_t> ids;
  std::vector<Arrival> arrivals;
  for (int i = 0; i < kCalls; ++i) {
    ids.push_back(client.Request(GrpcHead(kUnary), FrameMessage(""), true));
  }
  while (arrivals.size() < kCalls) {
    arrivals.push_back(fixture.NextArrival());
    // All connections there may be have a call each before the first is answered.
    if (arrivals.size() >= kMaxConnectionsPerUpstream) {
      Answer(arrivals[arrivals.size() - kMaxConnectionsPerUpstream]);
    }
  }
  for (size_t i = kCalls - kMaxConnectionsPerUpstream + 1; i < kCalls; ++i) Answer(arrivals[i]);
  for (const int32_t id : ids) CHECK(fixture.Finish(client, id).ok());
  CHECK(fixture.upstreams().size() == kMaxConnectionsPerUpstream);
}

TEST_CASE("a call that waits for a connection can be cancelled and can be late") {
  GatewayFixture fixture;
  fixture.upstream_options.max_streams = 1;
  fixture.Start();
  H2Peer& client = fixture.Client();
  std::vector<Arrival> busy;
  std::vector<int32_t> ids;
  for (int i = 0; i < kMaxConnectionsPerUpstream; ++i) {
    ids.push_back(client.Request(GrpcHead(kUnary), FrameMessage(""), true));
    busy.push_back(fixture.NextArrival());
  }
  const int32_t late =
      client.Request(GrpcHead(kUnary, {{"grpc-timeout", "200m"}}), FrameMessage(""), true);
  const int32_t cancelled = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  CHECK(ErrorReason(fixture.Finish(client, late)) == "DEADLINE_PASSED");
  client.Reset(cancelled, NGHTTP2_CANCEL);
  fixture.RunUntil([&] { return fixture.Handled("Unary", "CANCELLED") == 1; });
  for (const Arrival& arrival : busy) Answer(arrival);
  for (const int32_t id : ids) CHECK(fixture.Finish(client, id).ok());
  size_t arrived = 0;
  for (const auto& peer : fixture.upstreams()) arrived += peer->incoming().size();
  CHECK(arrived == kMaxConnectionsPerUpstream);
}

TEST_CASE("a service that takes connections but does not speak: few wait, and not for long") {
  GatewayFixture fixture;
  // The kernel takes the connections; nobody looks at them.
  fixture.listener().listening = false;
  fixture.Start();
  constexpr size_t kClients = kMaxQueuedPerUpstream / kMaxStreamsPerConnection + 1;
  constexpr size_t kCalls = kClients * kMaxStreamsPerConnection;
  std::vector<std::pair<H2Peer*, int32_t>> calls;
  for (size_t i = 0; i < kClients; ++i) {
    H2Peer& client = fixture.Client();
    for (size_t k = 0; k < kMaxStreamsPerConnection; ++k) {
      calls.emplace_back(&client, client.Request(GrpcHead(kUnary), FrameMessage(""), true));
    }
  }
  std::map<std::string, size_t> reasons;
  for (const auto& [client, id] : calls) ++reasons[ErrorReason(fixture.Finish(*client, id))];
  CHECK(reasons["UPSTREAM_OVERLOADED"] == kCalls - kMaxQueuedPerUpstream);
  CHECK(reasons["UPSTREAM_UNREACHABLE"] == kMaxQueuedPerUpstream);
  CHECK(fixture.Handled("Unary", "*") == kCalls);
}

TEST_CASE("an answer whose fields are too large ends the call, not the connection") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  Headers head = kAnswerHead;
  head.push_back({"x-a", std::string(20'000, 'a')});
  head.push_back({"x-b", std::string(20'000, 'b')});
  arrival.peer->Respond(arrival.id, head);
  CHECK_FALSE(fixture.Finish(client, id).ok());
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival second = fixture.NextArrival();
  CHECK(second.peer == arrival.peer);
  Answer(second);
  CHECK(fixture.Finish(client, next).ok());
}

TEST_CASE("calls at a service that does not keep to HTTP/2 end as lost") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Raw(std::string(1000, 'x'));
  CHECK(ErrorReason(fixture.Finish(client, id)) == "UPSTREAM_LOST");
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival again = fixture.NextArrival();
  CHECK(again.peer != arrival.peer);
  Answer(again);
  CHECK(fixture.Finish(client, next).ok());
}

TEST_CASE("an answer that ends without a status is told as unknown, once") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->Send(arrival.id, FrameMessage("x"));
  arrival.peer->End(arrival.id);
  fixture.RunUntil([&] { return client.stream(id).closed(); });
  CHECK(client.stream(id).error_code == NGHTTP2_NO_ERROR);
  CHECK(client.stream(id).body == FrameMessage("x"));
  CHECK(client.stream(id).Field("grpc-status").empty());
  CHECK(fixture.Handled("Unary", "UNKNOWN") == 1);
  CHECK(fixture.Handled("Unary", "*") == 1);
}

TEST_CASE("a call that was provably not sent goes to the other address at once") {
  GatewayFixture fixture;
  const PeerListener& absent = fixture.loop.Listen({}, false);
  auto* service = fixture.snapshot.mutable_services(0);
  *service->add_upstreams() = service->upstreams(0);
  service->mutable_upstreams(0)->set_address(absl::StrCat("127.0.0.1:", absent.port));
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  fixture.RunUntil([&] { return client.stream(id).closed() || !fixture.upstreams().empty(); });
  REQUIRE_FALSE(client.stream(id).closed());
  Answer(fixture.NextArrival());
  CHECK(fixture.Finish(client, id).ok());
}

std::string Ejected(int port) {
  return absl::StrCat("gateway_upstream_ejected{upstream=\"127.0.0.1:", port, "\"}");
}

TEST_CASE("a service that dies of its calls again and again is not sent any, then one, then all") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  for (int i = 0; i < kMaxFailuresInRow; ++i) {
    const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
    fixture.NextArrival().peer->Abort();
    CHECK(ErrorReason(fixture.Finish(client, id)) == "UPSTREAM_LOST");
  }
  CHECK(fixture.Metric(Ejected(fixture.listener().port)) == 1);
  // Until the first try arrives and is answered.
  int32_t id = 0;
  size_t refused = 0;
  const auto arrived = [&] {
    size_t calls = 0;
    for (const auto& peer : fixture.upstreams()) calls += peer->incoming().size();
    return calls;
  };
  const size_t before = arrived();
  while (arrived() == before) {
    id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
    fixture.RunUntil([&] { return client.stream(id).closed() || arrived() > before; });
    if (!client.stream(id).closed()) break;
    const absl::Status status = client.stream(id).Outcome();
    CHECK(ErrorReason(status) == "UPSTREAM_EJECTED");
    CHECK(HasRetryInfo(status));
    ++refused;
  }
  CHECK(refused > 0);
  Answer(fixture.NextArrival());
  CHECK(fixture.Finish(client, id).ok());
  CHECK(fixture.Metric(Ejected(fixture.listener().port)) == 0);
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  Answer(fixture.NextArrival());
  CHECK(fixture.Finish(client, next).ok());
}

TEST_CASE("calls that a service resets are its answers to their callers") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  for (int i = 0; i < 2 * kMaxFailuresInRow; ++i) {
    const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
    const Arrival arrival = fixture.NextArrival();
    arrival.peer->Reset(arrival.id, NGHTTP2_INTERNAL_ERROR);
    CHECK(ErrorReason(fixture.Finish(client, id)) == "UPSTREAM_LOST");
  }
  CHECK(fixture.Metric(Ejected(fixture.listener().port)) == 0);
}

TEST_CASE("of two addresses the one with fewer calls is taken, and the one that fails is left") {
  GatewayFixture fixture;
  PeerListener& second = fixture.loop.Listen(fixture.upstream_options);
  auto* service = fixture.snapshot.mutable_services(0);
  *service->add_upstreams() = service->upstreams(0);
  service->mutable_upstreams(1)->set_address(absl::StrCat("127.0.0.1:", second.port));
  fixture.Start();
  second.options = fixture.listener().options;
  H2Peer& client = fixture.Client();
  const auto arrived = [](const PeerListener& listener) {
    size_t calls = 0;
    for (const auto& peer : listener.peers) calls += peer->incoming().size();
    return calls;
  };
  std::vector<int32_t> ids;
  for (size_t i = 1; i <= 6; ++i) {
    ids.push_back(client.Request(GrpcHead(kChat), FrameMessage("x"), false));
    fixture.RunUntil([&] { return arrived(fixture.listener()) + arrived(second) == i; });
  }
  CHECK(arrived(fixture.listener()) == 3);
  CHECK(arrived(second) == 3);
  // The first dies of its calls, those that are there and those that come.
  for (int i = 0; i < kMaxFailuresInRow + 1; ++i) {
    for (const auto& peer : fixture.listener().peers) {
      if (!peer->over()) peer->Abort();
    }
    const size_t before = arrived(fixture.listener()) + arrived(second);
    client.Request(GrpcHead(kChat), FrameMessage("x"), false);
    fixture.RunUntil([&] { return arrived(fixture.listener()) + arrived(second) > before; });
  }
  fixture.RunUntil([&] { return fixture.Metric(Ejected(fixture.listener().port)) == 1; });
  const size_t left = arrived(fixture.listener());
  for (int i = 0; i < 5; ++i) {
    const size_t before = arrived(second);
    client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
    fixture.RunUntil([&] { return arrived(second) > before; });
  }
  CHECK(arrived(fixture.listener()) == left);
}

TEST_CASE("an address that could not be reached is looked for again without any call") {
  GatewayFixture fixture;
  PeerListener& absent = fixture.loop.Listen(fixture.upstream_options, false);
  fixture.snapshot.mutable_services(0)->mutable_upstreams(0)->set_address(
      absl::StrCat("127.0.0.1:", absent.port));
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  CHECK(ErrorReason(fixture.Finish(client, id)) == "UPSTREAM_UNREACHABLE");
  CHECK(fixture.Metric(Ejected(absent.port)) == 1);
  absent.options = fixture.listener().options;
  fixture.loop.BeginListening(absent);
  fixture.RunUntil([&] { return fixture.Metric(Ejected(absent.port)) == 0; });
}

}  // namespace
}  // namespace lgsp::gateway
