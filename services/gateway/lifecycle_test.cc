// A gateway whose policy changes, and one that is told to stop.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "libs/status/status.h"
#include "services/gateway/gateway_fixture_test.h"

namespace lgsp::gateway {
namespace {

constexpr char kVersion[] = "gateway_policy_version";

void Answer(const Arrival& arrival) {
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
}

TEST_CASE("a withdrawn agreement refuses the next call and ends those under way") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t open = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->Send(arrival.id, FrameMessage("part"));
  fixture.RunUntil([&] { return client.stream(open).received > 0; });

  fixture.snapshot.set_version(2);
  fixture.snapshot.clear_agreements();
  fixture.WritePolicy();
  const absl::Status status = fixture.Finish(client, open);
  CHECK(absl::IsPermissionDenied(status));
  CHECK(ErrorReason(status) == "AGREEMENT_WITHDRAWN");
  CHECK(client.stream(open).body == FrameMessage("part"));
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK(arrival.stream().error_code == NGHTTP2_CANCEL);
  CHECK(fixture.Handled("Chat", "PERMISSION_DENIED") == 1);

  const int32_t next = client.Request(GrpcHead(kChat), FrameMessage(""), true);
  CHECK(ErrorReason(fixture.Finish(client, next)) == "NO_AGREEMENT");
  CHECK(fixture.Metric(kVersion) == 2);
}

TEST_CASE("calls that the new policy allows go on, also after their service has moved") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t open = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  PeerListener& moved = fixture.loop.Listen(fixture.upstream_options);
  fixture.snapshot.set_version(2);
  fixture.snapshot.mutable_services(0)->mutable_upstreams(0)->set_address(
      absl::StrCat("127.0.0.1:", moved.port));
  fixture.WritePolicy();
  fixture.RunUntil([&] { return fixture.Metric(kVersion) == 2; });
  // The workers have it a moment later: until a call arrives at the new address.
  H2Peer* there = nullptr;
  fixture.RunUntil([&] {
    const int32_t probe = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
    fixture.RunUntil([&] {
      return !moved.peers.empty() && !moved.peers[0]->incoming().empty()
                 ? (there = moved.peers[0].get()) != nullptr
                 : arrival.peer->incoming().size() > 1;
    });
    client.Reset(probe, NGHTTP2_CANCEL);
    return there != nullptr;
  });
  CHECK_FALSE(client.stream(open).closed());
  Answer(arrival);
  CHECK(fixture.Finish(client, open).ok());
}

TEST_CASE("a system whose key is gone is unknown on the connection it has") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t open = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  fixture.NextArrival();
  fixture.snapshot.set_version(2);
  fixture.snapshot.mutable_systems(0)->set_spki_sha256(0, "another");
  fixture.WritePolicy();
  CHECK(ErrorReason(fixture.Finish(client, open)) == "AGREEMENT_WITHDRAWN");
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  CHECK(ErrorReason(fixture.Finish(client, next)) == "SYSTEM_UNKNOWN");
}

TEST_CASE("an older or unsigned policy changes nothing and is counted") {
  GatewayFixture fixture;
  fixture.snapshot.set_version(5);
  fixture.Start();
  H2Peer& client = fixture.Client();
  fixture.snapshot.set_version(4);
  fixture.snapshot.clear_agreements();
  fixture.WritePolicy();
  fixture.RunUntil([&] { return fixture.Metric("gateway_policy_refused_total") == 1; });
  CHECK(fixture.Metric(kVersion) == 5);
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  Answer(fixture.NextArrival());
  CHECK(fixture.Finish(client, id).ok());
}

// Drains on its own thread, as Drain returns only when all is over.
class Draining {
 public:
  explicit Draining(GatewayFixture& fixture) : thread_([&fixture] { fixture.server->Drain(); }) {}
  ~Draining() { thread_.join(); }

 private:
  std::thread thread_;
};

TEST_CASE("a gateway that stops lets calls under way end, to their last byte") {
  GatewayFixture fixture;
  fixture.config.set_drain_seconds(20);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t open = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  {
    const Draining draining(fixture);
    // First the announcement, which still lets calls in that are on their way; then the last word.
    fixture.RunUntil([&] { return client.goaways().size() > 1; });
    CHECK(client.goaways()[0] == INT32_MAX);
    CHECK(client.goaways()[1] == open);
    client.Send(open, FrameMessage("still"));
    fixture.RunUntil(
        [&] { return arrival.stream().body == FrameMessage("x") + FrameMessage("still"); });
    const std::string last = FrameMessage(std::string(3'000'000, 'l'));
    arrival.peer->Send(arrival.id, last);
    arrival.peer->End(arrival.id, kOkTrailers);
    client.End(open);
    CHECK(fixture.Finish(client, open).ok());
    CHECK(client.stream(open).body == last);
    fixture.RunUntil([&] { return client.over() && arrival.peer->over(); });
  }
  CHECK(fixture.Handled("Chat", "OK") == 1);
  CHECK(fixture.Metric("gateway_inflight") == 0);
  CHECK(fixture.Metric("gateway_connections") == 0);
  CHECK(fixture.Metric("gateway_upstream_connections") == 0);
}

TEST_CASE("a call on its way when the gateway stops is taken, or said not to be") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  PeerOptions options;
  options.tls = fixture.ClientTls(&fixture.alpha);
  // It does not read the announcement, as if that were still under way to it.
  client.PauseReading(true);
  const Draining draining(fixture);
  // Who is not let in any more sees that the announcement has been made.
  fixture.RunUntil([&] {
    H2Peer& late = fixture.Connect(options);
    fixture.RunUntil([&] { return late.over() || late.handshaken(); });
    return late.over();
  });
  const int32_t id =
      client.Request(GrpcHead("/grpc.health.v1.Health/Check"), FrameMessage(""), true);
  fixture.RunUntil([&] { return client.stream(id).sent > 0; });
  client.PauseReading(false);
  fixture.RunUntil([&] { return client.stream(id).closed(); });
  if (client.stream(id).error_code == NGHTTP2_NO_ERROR) {
    size_t taken = 0;
    const auto message = TakeMessage(client.stream(id).body, 100, taken);
    REQUIRE((message.ok() && message->has_value()));
    grpc::health::v1::HealthCheckResponse health;
    REQUIRE(health.ParseFromString(std::string(**message)));
    CHECK(health.status() == grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  } else {
    CHECK(client.stream(id).error_code == NGHTTP2_REFUSED_STREAM);
    CHECK(client.goaways().back() < id);
  }
  fixture.RunUntil([&] { return client.over(); });
}

TEST_CASE("a call that does not end within the time to stop is ended") {
  GatewayFixture fixture;
  fixture.config.set_drain_seconds(1);
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t open = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  const Draining draining(fixture);
  fixture.RunUntil([&] { return client.over() && arrival.peer->over(); });
  // Whichever of its connections is closed first: it never looks as if it had ended well.
  CHECK((!client.stream(open).ended || absl::IsUnavailable(client.stream(open).Outcome())));
  CHECK(fixture.Handled("Chat", "*") == 1);
  CHECK(fixture.Handled("Chat", "OK") == 0);
}

TEST_CASE("a gateway that stops takes no new connection") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const Draining draining(fixture);
  fixture.RunUntil([&] { return !client.goaways().empty(); });
  PeerOptions options;
  options.tls = fixture.ClientTls(&fixture.alpha);
  H2Peer& late = fixture.Connect(options);
  fixture.RunUntil([&] { return late.over() && client.over(); });
  CHECK_FALSE(late.settled());
}

// One socket of a port; 0: any.
int ListeningSocket(uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  REQUIRE(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) == 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  socklen_t size = sizeof(at);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(listen(fd, SOMAXCONN) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  port = ntohs(at.sin_port);
  return fd;
}

TEST_CASE("listening sockets that are handed over keep connections for the next gateway") {
  // Fewer and more of them than workers.
  const int sockets = GENERATE(1, 3, 5);
  GatewayFixture fixture;
  uint16_t port = 0;
  std::vector<int> held;
  for (int i = 0; i < sockets; ++i) held.push_back(ListeningSocket(port));
  uint16_t elsewhere = 0;
  held.push_back(ListeningSocket(elsewhere));
  fixture.config.set_listen(absl::StrCat("127.0.0.1:", port));
  fixture.config.set_workers(2);
  const auto inherited = [&] {
    std::vector<int> copies;
    for (const int socket : held) copies.push_back(dup(socket));
    return copies;
  };
  PeerOptions options;
  options.tls = fixture.ClientTls(&fixture.alpha);
  for (int life = 0; life < 2; ++life) {
    // Before there is a gateway, and among all its sockets.
    std::vector<H2Peer*> early;
    for (int i = 0; i < 12; ++i) early.push_back(&fixture.loop.Connect(port, options));
    fixture.Start(inherited());
    CHECK(fixture.server->port() == port);
    for (H2Peer* const client : early) {
      fixture.RunUntil([&] { return client->over() || client->settled(); });
      REQUIRE_FALSE(client->over());
      const int32_t id = client->Request(GrpcHead(kUnary), FrameMessage("x"), true);
      Answer(fixture.NextArrival());
      CHECK(fixture.Finish(*client, id).ok());
    }
    std::thread drain([&] { fixture.server->Drain(); });
    fixture.RunUntil([&] {
      return std::all_of(early.begin(), early.end(), [](H2Peer* peer) { return peer->over(); });
    });
    drain.join();
    fixture.server.reset();
  }
  for (const int socket : held) close(socket);
}

}  // namespace
}  // namespace lgsp::gateway
