// What is refused before it reaches a service, over the wire.
#include <poll.h>

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "libs/status/status.h"
#include "services/gateway/gateway_fixture_test.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";

TEST_CASE("refusals carry their reason, their details and the exchange's id") {
  GatewayFixture fixture;
  fixture.snapshot.mutable_agreements(0)->add_purposes("settlement");
  fixture.Start();
  H2Peer& client = fixture.Client();
  struct Row {
    Headers head;
    absl::StatusCode code;
    const char* reason;
  };
  const Row rows[] = {
      {GrpcHead("/a//b"), absl::StatusCode::kInvalidArgument, "PATH_INVALID"},
      {GrpcHead("/test.v1.Echo/Unary?x=1"), absl::StatusCode::kInvalidArgument, "PATH_INVALID"},
      {GrpcHead("/test.v1.Echo"), absl::StatusCode::kInvalidArgument, "PATH_INVALID"},
      {GrpcHead("/test.v1.Other/Call"), absl::StatusCode::kPermissionDenied, "NO_AGREEMENT"},
      {GrpcHead(kUnary), absl::StatusCode::kInvalidArgument, "PURPOSE_REQUIRED"},
      {GrpcHead(kUnary, {{"lgsp-caller", "x"}}), absl::StatusCode::kInvalidArgument,
       "HEADER_RESERVED"},
      {GrpcHead("/grpc.health.v1.Health/Watch"), absl::StatusCode::kUnimplemented,
       "METHOD_UNKNOWN"},
      {GrpcHead(kUnary, {{"x-large", std::string(20'000, 'x')}, {"y", std::string(20'000, 'y')}}),
       absl::StatusCode::kResourceExhausted, "HEADERS_TOO_LARGE"}};
  double refused = 0;
  for (const Row& row : rows) {
    INFO(row.reason);
    const int32_t id = client.Request(row.head, FrameMessage("x"), true);
    const absl::Status status = fixture.Finish(client, id);
    CHECK(status.code() == row.code);
    CHECK(ErrorReason(status) == row.reason);
    CHECK(client.stream(id).Field(":status") == "200");
    CHECK(client.stream(id).Field("content-type") == "application/grpc");
    CHECK_FALSE(client.stream(id).Field("lgsp-exchange-id").empty());
    const std::string metric = absl::StrCat("gateway_refused_total{reason=\"", row.reason, "\"}");
    CHECK(fixture.Metric(metric) >= 1);
    // Each is a call, once begun and once ended.
    ++refused;
    CHECK(fixture.Started("other") == refused);
    CHECK(fixture.Handled("other", "*") == refused);
  }
  CHECK(fixture.upstreams().empty());
}

TEST_CASE("a hundred fields are too many") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  Headers more;
  for (size_t i = 0; i < kMaxHeaderFields; ++i) more.push_back({absl::StrCat("x-", i), "v"});
  const int32_t id = client.Request(GrpcHead(kUnary, more), "", true);
  CHECK(ErrorReason(fixture.Finish(client, id)) == "HEADERS_TOO_LARGE");
}

TEST_CASE("what is not gRPC is answered in HTTP, with a status as JSON") {
  struct Row {
    const char* method;
    const char* path;
    const char* type;
    const char* status;
    const char* reason;
  };
  const Row rows[] = {
      {"POST", kUnary, "application/grpc-web", "415", "CONTENT_TYPE_UNSUPPORTED"},
      {"POST", kUnary, "application/grpc-web+proto", "415", "CONTENT_TYPE_UNSUPPORTED"},
      {"POST", kUnary, "application/json", "415", "CONTENT_TYPE_UNSUPPORTED"},
      {"POST", kUnary, "", "415", "CONTENT_TYPE_UNSUPPORTED"},
      {"GET", kUnary, "application/grpc", "405", "METHOD_UNSUPPORTED"},
      {"GET", "/a/b/c", "", "405", "METHOD_UNSUPPORTED"},
      {"GET", "/a/../b", "", "400", "PATH_INVALID"},
      {"POST", "/a%2fb", "application/json", "400", "PATH_INVALID"},
  };
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  for (const Row& row : rows) {
    INFO(row.method << " " << row.path << " " << row.type);
    const int32_t id = client.Request({{":method", row.method},
                                       {":scheme", "https"},
                                       {":path", row.path},
                                       {":authority", "gateway"},
                                       {"content-type", row.type}},
                                      "", true);
    fixture.RunUntil([&] { return client.stream(id).closed(); });
    const PeerStream& stream = client.stream(id);
    CHECK(stream.error_code == NGHTTP2_NO_ERROR);
    CHECK(stream.Field(":status") == row.status);
    CHECK(stream.Field("content-type") == "application/json");
    CHECK(stream.Field("grpc-status").empty());
    CHECK(absl::StrContains(stream.body, row.reason));
    CHECK(absl::StrContains(stream.body, "\"code\":3"));
  }
  CHECK(fixture.Metric("gateway_refused_total{reason=\"PATH_INVALID\"}") == 2);
  CHECK(fixture.Handled("other", "INVALID_ARGUMENT") == std::size(rows));
  CHECK(fixture.Started("other") == std::size(rows));
}

TEST_CASE("an HTTP refusal to a system with a shut window ends in time") {
  // Its body waits for a window like any other; the connection serves on meanwhile.
  GatewayFixture fixture;
  fixture.Start();
  PeerOptions options;
  options.window = 0;
  H2Peer& client = fixture.Client(options);
  const int32_t id = client.Request(
      {{":method", "GET"}, {":scheme", "https"}, {":path", "/a"}, {":authority", "gateway"}}, "",
      true);
  fixture.RunUntil([&] { return client.stream(id).has_head; });
  CHECK(client.stream(id).Field(":status") == "405");
  const int32_t next = client.Request(GrpcHead("/x/y"), "", true);
  CHECK(ErrorReason(fixture.Finish(client, next)) == "NO_AGREEMENT");
}

TEST_CASE("content types of gRPC are taken with a format or parameters") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  for (const char* type : {"application/grpc+proto", "application/grpc;charset=utf-8"}) {
    const Headers head = {{":method", "POST"},       {":scheme", "https"},   {":path", kUnary},
                          {":authority", "gateway"}, {"content-type", type}, {"te", "trailers"}};
    const int32_t id = client.Request(head, FrameMessage(""), true);
    const Arrival arrival = fixture.NextArrival();
    CHECK(arrival.stream().Field("content-type") == type);
    arrival.peer->Respond(arrival.id, kAnswerHead);
    arrival.peer->End(arrival.id, kOkTrailers);
    CHECK(fixture.Finish(client, id).ok());
  }
}

TEST_CASE("a second block of fields after a refusal changes nothing") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  // Nothing of the answer is read before the second block has left.
  const int32_t id = client.Request(GrpcHead("/test.v1.Other/Call"), "", false);
  client.SubmitHeaders(id, GrpcHead(kUnary), true);
  fixture.RunUntil([&] { return client.stream(id).closed(); });
  CHECK(fixture.Handled("other", "*") == 1);
  CHECK(fixture.Started("other") == 1);
  CHECK(fixture.Started("Unary") == 0);
  CHECK(fixture.upstreams().empty());

  const int32_t proper = client.Request(GrpcHead("/test.v1.Other/Call"), "", false);
  client.SubmitHeaders(proper, {{"lgsp-purpose", "x"}, {"x-trailer", "1"}}, true);
  CHECK(ErrorReason(fixture.Finish(client, proper)) == "NO_AGREEMENT");
  CHECK(fixture.Handled("other", "*") == 2);
  CHECK(fixture.Started("other") == 2);
}

TEST_CASE("trailers of a request end it and go no further") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  fixture.RunUntil([&] { return arrival.stream().received > 0; });
  client.SubmitHeaders(id, {{"lgsp-caller", "forged"}, {"x-trailer", "1"}}, true);
  fixture.RunUntil([&] { return arrival.stream().ended; });
  CHECK(arrival.stream().body == FrameMessage("x"));
  CHECK(arrival.stream().trailers.empty());
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
}

TEST_CASE("a message announced too large is refused before it comes, and the service is told") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kChat), FrameMessage("fine"), false);
  const Arrival arrival = fixture.NextArrival();
  fixture.RunUntil([&] { return arrival.stream().received > 0; });
  client.Send(id, std::string("\0\0\x40\0\1", 5));  // 4 MiB + 1
  const absl::Status status = fixture.Finish(client, id);
  CHECK(absl::IsResourceExhausted(status));
  CHECK(ErrorReason(status) == "MESSAGE_TOO_LARGE");
  CHECK(client.stream(id).error_code == NGHTTP2_NO_ERROR);
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK(arrival.stream().error_code == NGHTTP2_CANCEL);
  CHECK(fixture.Handled("Chat", "RESOURCE_EXHAUSTED") == 1);
  CHECK(fixture.Metric("gateway_refused_total{reason=\"MESSAGE_TOO_LARGE\"}") == 1);
}

TEST_CASE("a message of the largest size passes") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const std::string message = FrameMessage(std::string(kMaxMessageBytes, 'm'));
  const int32_t id = client.Request(GrpcHead(kUnary), message, true);
  const Arrival arrival = fixture.NextArrival();
  fixture.RunUntil([&] { return arrival.stream().ended; });
  CHECK(arrival.stream().body == message);
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
}

TEST_CASE("a flood of resets ends the connection, not the gateway") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  // Some at a time, as a peer may have only so many streams.
  uint64_t resets = 0;
  for (; resets < 2 * kResetBurst && !client.over(); ++resets) {
    const int32_t id = client.Request(GrpcHead(kUnary), "", false);
    fixture.RunUntil([&] { return client.over() || client.events() == POLLIN; });
    if (!client.over()) client.Reset(id, NGHTTP2_CANCEL);
  }
  fixture.RunUntil([&] { return client.over(); });
  CHECK(resets >= kResetBurst);
  CHECK_FALSE(client.goaways().empty());
  fixture.RunUntil([&] { return fixture.Metric("gateway_inflight") == 0; });
  CHECK(fixture.Started("Unary") == fixture.Handled("Unary", "CANCELLED"));
  H2Peer& next = fixture.Client();
  CHECK(fixture.Finish(next, next.Request(GrpcHead(kCheck), FrameMessage(""), true)).ok());
}

// A frame of HTTP/2 (RFC 9113, 4.1).
std::string Frame(uint8_t type, uint8_t flags, uint8_t stream_id, const std::string& payload) {
  const char head[] = {0,
                       static_cast<char>(payload.size() >> 8),
                       static_cast<char>(payload.size()),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       0,
                       0,
                       0,
                       static_cast<char>(stream_id)};
  return std::string(head, sizeof(head)) + payload;
}

TEST_CASE("who does not keep to HTTP/2 loses the connection, and reads why where it can") {
  const std::string indexed = "\x83\x86\x84";  // :method POST, :scheme http, :path /
  std::string endless = Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_NONE, 1, indexed);
  for (int i = 0; i < 1000; ++i) endless += Frame(NGHTTP2_CONTINUATION, 0, 1, "");
  const std::string bad[] = {
      std::string(100, 'x'),
      endless,
      // A stream of the server's, and a table index that is not there.
      Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2, indexed),
      Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff\x7f"),
      // Larger than we said we take.
      std::string("\xff\xff\xff\0\0\0\0\0\1", 9),
  };
  GatewayFixture fixture;
  fixture.Start();
  for (const std::string& bytes : bad) {
    H2Peer& client = fixture.Client();
    client.Raw(bytes);
    fixture.RunUntil([&] { return client.over(); });
    CHECK(client.goaways().size() == 1);
  }
  CHECK(fixture.Started("Unary") == 0);
  CHECK(fixture.upstreams().empty());
  fixture.RunUntil([&] { return fixture.Metric("gateway_connections") == 0; });
  CHECK(fixture.Metric("gateway_inflight") == 0);
}

TEST_CASE("what a system sends on after a refusal goes nowhere and holds up nothing") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const std::string much(3'000'000, 'x');
  const int32_t id = client.Request(GrpcHead("/test.v1.Other/Call"), much, true);
  CHECK(ErrorReason(fixture.Finish(client, id)) == "NO_AGREEMENT");
  // Ten times the window of the connection.
  for (int i = 0; i < 14; ++i) {
    const int32_t next = client.Request(GrpcHead("/test.v1.Other/Call"), much, true);
    CHECK(ErrorReason(fixture.Finish(client, next)) == "NO_AGREEMENT");
  }
  CHECK(fixture.Metric("gateway_inflight") == 0);
}

TEST_CASE("the gateway's own health over the wire, and what it refuses") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kCheck), FrameMessage(""), true);
  CHECK(fixture.Finish(client, id).ok());
  size_t taken = 0;
  const auto message = TakeMessage(client.stream(id).body, 1000, taken);
  REQUIRE((message.ok() && message->has_value()));
  grpc::health::v1::HealthCheckResponse response;
  REQUIRE(response.ParseFromString(std::string(**message)));
  CHECK(response.status() == grpc::health::v1::HealthCheckResponse::SERVING);
  CHECK(taken == client.stream(id).body.size());

  const auto refusal = [&](absl::string_view body) {
    return ErrorReason(fixture.Finish(client, client.Request(GrpcHead(kCheck), body, true)));
  };
  CHECK(refusal("") == "MESSAGE_MISSING");
  CHECK(refusal(absl::string_view("\0\0\0\0\5abc", 8)) == "MESSAGE_MISSING");
  CHECK(refusal(absl::string_view("\1\0\0\0\0", 5)) == "MESSAGE_COMPRESSED");
  CHECK(refusal(absl::string_view("\0\0\1\0\1", 5)) == "MESSAGE_TOO_LARGE");  // 64 KiB + 1
  CHECK(refusal(FrameMessage("\xff")) == "MESSAGE_INVALID");
  CHECK(fixture.Handled("other", "OK") == 1);
  CHECK(fixture.Handled("other", "*") == 6);
  CHECK(fixture.Started("other") == 6);
}

}  // namespace
}  // namespace lgsp::gateway
