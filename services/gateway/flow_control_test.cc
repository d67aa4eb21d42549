// The two legs of a call are linked: what one side does not take, the other is not asked for.
#include <algorithm>
#include <catch2/catch.hpp>

#include "grpc/reflection/v1/reflection.pb.h"
#include "libs/status/status.h"
#include "services/gateway/gateway_fixture_test.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

constexpr char kReflection[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

PeerOptions Window(uint32_t window) {
  PeerOptions options;
  options.window = window;
  options.consume = false;
  options.keep_bodies = false;
  return options;
}

TEST_CASE("a system that takes nothing holds no more than one window, until its deadline") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client(Window(0));
  const int32_t id =
      client.Request(GrpcHead(kUnary, {{"grpc-timeout", "1500m"}}), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->SendPattern(arrival.id, 1 << 20);
  arrival.peer->End(arrival.id, kOkTrailers);
  fixture.RunUntil([&] { return arrival.stream().sent >= kStreamWindow; });
  fixture.RunUntil([&] { return client.stream(id).closed(); });
  CHECK(arrival.stream().sent == kStreamWindow);
  CHECK(client.stream(id).received == 0);
  // Trailers would have to wait behind bytes that nobody takes.
  CHECK(client.stream(id).error_code == NGHTTP2_CANCEL);
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK(arrival.stream().error_code == NGHTTP2_CANCEL);
  CHECK(fixture.Handled("Unary", "DEADLINE_EXCEEDED") == 1);
  CHECK(fixture.Handled("Unary", "*") == 1);
  CHECK(fixture.Metric("gateway_inflight") == 0);
}

TEST_CASE("a whole answer that is not taken is not kept beyond the deadline") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client(Window(0));
  const int32_t id =
      client.Request(GrpcHead(kUnary, {{"grpc-timeout", "700m"}}), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->SendPattern(arrival.id, 1000);
  arrival.peer->End(arrival.id, kOkTrailers);
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK(arrival.stream().error_code == NGHTTP2_NO_ERROR);
  fixture.RunUntil([&] { return client.stream(id).closed(); });
  CHECK(client.stream(id).error_code == NGHTTP2_CANCEL);
  // The service answered well; that the system did not take it is no error of the service.
  CHECK(fixture.Handled("Unary", "*") == 1);
}

TEST_CASE("a window that opens late gets the whole answer") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client(Window(1000));
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->SendPattern(arrival.id, 3000);
  arrival.peer->End(arrival.id, kOkTrailers);
  fixture.RunUntil([&] { return client.stream(id).received == 1000; });
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK_FALSE(client.stream(id).closed());
  client.Consume(id, 1000);
  fixture.RunUntil([&] { return client.stream(id).received == 2000; });
  client.Consume(id, 1000);
  CHECK(fixture.Finish(client, id).ok());
  CHECK(client.stream(id).received == 3000);
  CHECK(client.stream(id).pattern_holds);
}

TEST_CASE("100 MB pass a slow reader whole, and never more than two windows are under way") {
  constexpr size_t kBytes = 100'000'000;
  constexpr size_t kWindow = 256 << 10;
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client(Window(kWindow));
  const int32_t id =
      client.Request(GrpcHead(kChat, {{"grpc-timeout", "2M"}}), FrameMessage(""), false);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->SendPattern(arrival.id, kBytes);
  arrival.peer->End(arrival.id, kOkTrailers);
  size_t consumed = 0;
  while (consumed < kBytes) {
    // All that may come has come before more is allowed: as slow as it can be.
    const size_t expected = std::min(kBytes, consumed + kWindow);
    fixture.RunUntil([&] { return client.stream(id).received == expected; });
    REQUIRE(arrival.stream().sent <= expected + kStreamWindow);
    client.Consume(id, expected - consumed);
    consumed = expected;
  }
  CHECK(fixture.Finish(client, id).ok());
  CHECK(client.stream(id).pattern_holds);
  CHECK(client.stream(id).received == kBytes);
}

TEST_CASE("what a service does not take, the system is not asked for") {
  GatewayFixture fixture;
  fixture.upstream_options.window = 1000;
  fixture.upstream_options.consume = false;
  fixture.Start();
  H2Peer& client = fixture.Client();
  // The first call of a connection may begin before the service's settings are known.
  const int32_t first = client.Request(GrpcHead(kUnary), "", true);
  const Arrival begin = fixture.NextArrival();
  begin.peer->Respond(begin.id, kAnswerHead);
  begin.peer->End(begin.id, kOkTrailers);
  REQUIRE(fixture.Finish(client, first).ok());
  const std::string message = FrameMessage(std::string(1'000'000, 'm'));
  const int32_t id = client.Request(GrpcHead(kChat), message, true);
  const Arrival arrival = fixture.NextArrival();
  const auto full = [&] { return arrival.stream().received == 1000 && client.SendWindow(id) == 0; };
  fixture.RunUntil(full);
  CHECK(client.stream(id).sent <= 1000 + kStreamWindow);
  // Another call on the same connections is not held up by it.
  const int32_t other = client.Request(GrpcHead(kUnary), FrameMessage("x"), true);
  const Arrival second = fixture.NextArrival();
  CHECK(second.peer == arrival.peer);
  second.peer->Respond(second.id, kAnswerHead);
  second.peer->End(second.id, kOkTrailers);
  CHECK(fixture.Finish(client, other).ok());

  size_t consumed = 0;
  while (consumed < message.size()) {
    fixture.RunUntil([&] { return arrival.stream().received > consumed; });
    arrival.peer->Consume(arrival.id, arrival.stream().received - consumed);
    consumed = arrival.stream().received;
  }
  fixture.RunUntil([&] { return arrival.stream().ended; });
  CHECK(arrival.stream().body == message);
}

TEST_CASE("a flood of reflection requests stops where its answers are not read") {
  GatewayFixture fixture;
  fixture.Start();
  PeerOptions options = Window(0);
  options.keep_bodies = true;
  H2Peer& client = fixture.Client(options);
  grpc::reflection::v1::ServerReflectionRequest request;
  request.set_file_containing_symbol(kEcho);
  const std::string message = FrameMessage(request.SerializeAsString());
  std::string flood;
  while (flood.size() < (4 << 20)) flood += message;
  const int32_t id = client.Request(GrpcHead(kReflection), flood, true);
  fixture.RunUntil([&] { return client.SendWindow(id) == 0; });
  // One window waits; answered are as many as fit the backlog, each larger than its request. Others
  // are served on the same connection meanwhile, and it gets no further by waiting.
  for (int i = 0; i < 50; ++i) {
    const int32_t other = client.Request(GrpcHead("/test.v1.Other/Call"), "", true);
    CHECK(ErrorReason(fixture.Finish(client, other)) == "NO_AGREEMENT");
  }
  CHECK(client.SendWindow(id) == 0);
  CHECK(client.stream(id).sent <= kStreamWindow + kMaxLocalBacklogBytes);
  client.Reset(id, NGHTTP2_CANCEL);
  fixture.RunUntil([&] { return fixture.Metric("gateway_inflight") == 0; });
}

TEST_CASE("many reflection requests on one stream are all answered to a reader that reads") {
  GatewayFixture fixture;
  fixture.Start();
  PeerOptions options = Window(10'000);
  options.keep_bodies = true;
  options.consume = true;
  H2Peer& client = fixture.Client(options);
  grpc::reflection::v1::ServerReflectionRequest request;
  request.set_list_services("*");
  const std::string message = FrameMessage(request.SerializeAsString());
  constexpr int kRequests = 20'000;
  std::string many;
  for (int i = 0; i < kRequests; ++i) many += message;
  const int32_t id = client.Request(GrpcHead(kReflection), many, true);
  CHECK(fixture.Finish(client, id).ok());
  absl::string_view body = client.stream(id).body;
  int answers = 0;
  while (!body.empty()) {
    size_t taken = 0;
    const auto answer = TakeMessage(body, 1 << 20, taken);
    REQUIRE((answer.ok() && answer->has_value()));
    body.remove_prefix(taken);
    ++answers;
  }
  CHECK(answers == kRequests);
}

TEST_CASE(
    "a system that makes the gateway hold too much loses its connection, others keep theirs") {
  constexpr int kHoarded = 200;
  constexpr int kOthers = 60;
  static_assert((kHoarded + kOthers) * kStreamWindow > kMaxBufferedBytesPerWorker);
  static_assert(kHoarded * kStreamWindow < kMaxBufferedBytesPerWorker);
  GatewayFixture fixture;
  fixture.upstream_options.max_streams = 1000;
  fixture.Start();
  H2Peer& hoarder = fixture.Client(Window(0));
  H2Peer& other = fixture.Client(Window(0));
  const auto fill = [&](H2Peer& client, int calls) {
    for (int i = 0; i < calls; ++i) client.Request(GrpcHead(kUnary), FrameMessage(""), true);
    std::vector<Arrival> arrivals;
    for (int i = 0; i < calls; ++i) {
      const Arrival arrival = fixture.NextArrival();
      arrival.peer->Respond(arrival.id, kAnswerHead);
      arrival.peer->SendPattern(arrival.id, kStreamWindow);
      arrivals.push_back(arrival);
    }
    return arrivals;
  };
  const auto held = fill(hoarder, kHoarded);
  fixture.RunUntil([&] {
    return std::all_of(held.begin(), held.end(),
                       [](const Arrival& a) { return a.stream().sent == kStreamWindow; });
  });
  CHECK_FALSE(hoarder.over());
  fill(other, kOthers);
  fixture.RunUntil([&] { return hoarder.over() || other.over(); });
  CHECK(hoarder.over());
  CHECK_FALSE(other.over());
  CHECK(fixture.Metric("gateway_shed_connections_total") == 1);
  fixture.RunUntil([&] { return fixture.Metric("gateway_inflight") == kOthers; });
  CHECK(fixture.Handled("Unary", "CANCELLED") == kHoarded);
  // There is room again.
  const int32_t id = fixture.Client().Request(GrpcHead(kUnary), FrameMessage(""), true);
  CHECK(id > 0);
  CHECK(fixture.NextArrival().id > 0);
}

TEST_CASE("a shut window and a silent service end at the deadline, with trailers") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client(Window(0));
  const int32_t id =
      client.Request(GrpcHead(kUnary, {{"grpc-timeout", "500m"}}), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  fixture.RunUntil([&] { return client.stream(id).has_head; });
  const absl::Status status = fixture.Finish(client, id);
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(ErrorReason(status) == "DEADLINE_PASSED");
  fixture.RunUntil([&] { return arrival.stream().closed(); });
}

TEST_CASE("trailers without a body need no window") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client(Window(0));
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  fixture.RunUntil([&] { return client.stream(id).has_head; });
  arrival.peer->End(arrival.id, {{"grpc-status", "5"}, {"grpc-message", "none"}});
  const absl::Status status = fixture.Finish(client, id);
  CHECK(absl::IsNotFound(status));
  CHECK(status.message() == "none");
  CHECK(client.stream(id).error_code == NGHTTP2_NO_ERROR);
}

}  // namespace
}  // namespace lgsp::gateway
