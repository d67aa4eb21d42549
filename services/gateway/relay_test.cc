// Calls through a whole gateway over TLS: what passes, what is added and taken away, how calls end.
#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/auth/access_token.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "services/gateway/gateway_fixture_test.h"

namespace lgsp::gateway {
namespace {

int CountOf(const Headers& fields, absl::string_view name) {
  int count = 0;
  for (const Header field : fields) count += field.name == name ? 1 : 0;
  return count;
}

TEST_CASE("a unary call passes whole, with its caller, and comes back whole") {
  GatewayFixture fixture;
  const keys::SigningKey token_key = keys::SigningKey::Generate();
  auto& issuer = *fixture.snapshot.add_token_issuers();
  issuer.set_issuer("issuer");
  issuer.set_audience("gateway");
  issuer.add_public_keys(token_key.PublicBytes());
  fixture.Start();
  H2Peer& client = fixture.Client();
  lgsp::auth::v1::AccessToken token;
  token.set_iss("issuer");
  token.set_aud("gateway");
  token.set_sub("persons/p1");
  token.set_client_id(kAlpha);
  token.set_iat(static_cast<uint32_t>(absl::ToUnixSeconds(absl::Now())));
  token.set_exp(token.iat() + 60);
  const std::string bearer = absl::StrCat("Bearer ", *auth::SignAccessToken(token, token_key));
  const std::string question = FrameMessage(std::string(100'000, 'q'));
  const int32_t id = client.Request(
      GrpcHead(kUnary, {{"x-own", "kept"}, {"lgsp-purpose", "test"}, {"authorization", bearer}}),
      question, true);
  const Arrival arrival = fixture.NextArrival();
  fixture.RunUntil([&] { return arrival.stream().ended; });
  CHECK(arrival.stream().body == question);
  const PeerStream& request = arrival.stream();
  CHECK(request.Field(":method") == "POST");
  CHECK(request.Field(":path") == kUnary);
  CHECK(request.Field("x-own") == "kept");
  CHECK(request.Field("authorization").empty());
  CHECK(request.Field("lgsp-purpose").empty());
  CHECK(request.Field("te") == "trailers");
  const auth::CallerVerifier verifier({*keys::VerifyKey::FromPem(fixture.caller_key.PublicPem())},
                                      &fixture.clock);
  const auto caller = verifier.Verify(request.Field("lgsp-caller"), kEcho);
  REQUIRE(caller.ok());
  CHECK(caller->system() == kAlpha);
  CHECK(caller->purpose() == "test");
  CHECK(caller->person() == "persons/p1");
  CHECK(caller->agreement() == "agreements/alpha-echo");

  const std::string answer = FrameMessage(std::string(200'000, 'a'));
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->Send(arrival.id, answer);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
  const PeerStream& stream = client.stream(id);
  CHECK(stream.error_code == NGHTTP2_NO_ERROR);
  CHECK(stream.Field(":status") == "200");
  CHECK(stream.body == answer);
  CHECK(stream.Field("lgsp-exchange-id") == request.Field("lgsp-exchange-id"));
  CHECK_FALSE(stream.Field("lgsp-exchange-id").empty());
  CHECK(fixture.Started("Unary") == 1);
  CHECK(fixture.Handled("Unary", "OK") == 1);
  CHECK(fixture.Handled("Unary", "*") == 1);
}

TEST_CASE("messages stream both ways while both sides are open") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kChat), "", false);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  std::string sent;
  std::string answered;
  for (int round = 0; round < 20; ++round) {
    const std::string message = FrameMessage(std::string(static_cast<size_t>(round) * 1000, 'm'));
    sent += message;
    client.Send(id, message);
    fixture.RunUntil([&] { return arrival.stream().received == sent.size(); });
    answered += message;
    arrival.peer->Send(arrival.id, message);
    fixture.RunUntil([&] { return client.stream(id).received == answered.size(); });
  }
  client.End(id);
  fixture.RunUntil([&] { return arrival.stream().ended; });
  CHECK_FALSE(client.stream(id).ended);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
  CHECK(arrival.stream().body == sent);
  CHECK(client.stream(id).body == answered);
  CHECK(fixture.Handled("Chat", "OK") == 1);
}

TEST_CASE("trailers and details pass byte for byte, but not the platform's own names") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  Headers head = kAnswerHead;
  head.push_back({"x-answer", "1"});
  head.push_back({"lgsp-receipt", "forged"});
  head.push_back({"lgsp-exchange-id", "forged"});
  arrival.peer->Respond(arrival.id, head);
  arrival.peer->Send(arrival.id, FrameMessage("partial"));
  arrival.peer->End(arrival.id, {{"grpc-status", "9"},
                                 {"grpc-message", "kh%C3%B4ng %25 x"},
                                 {"grpc-status-details-bin", "CAkSAXgaBAoCYWI"},
                                 {"x-twice", "1"},
                                 {"x-twice", "2"},
                                 {"x-empty", ""},
                                 {"x-raw-bin", "AAEC/w"},
                                 {"lgsp-receipt", "forged"}});
  CHECK(absl::IsFailedPrecondition(fixture.Finish(client, id)));
  const PeerStream& stream = client.stream(id);
  CHECK(stream.body == FrameMessage("partial"));
  CHECK(stream.Field("x-answer") == "1");
  CHECK(CountOf(stream.head, "lgsp-receipt") == 0);
  CHECK(CountOf(stream.head, "lgsp-exchange-id") == 1);
  CHECK(stream.Field("lgsp-exchange-id") != "forged");
  const Headers expected = {{"grpc-status", "9"},
                            {"grpc-message", "kh%C3%B4ng %25 x"},
                            {"grpc-status-details-bin", "CAkSAXgaBAoCYWI"},
                            {"x-twice", "1"},
                            {"x-twice", "2"},
                            {"x-empty", ""},
                            {"x-raw-bin", "AAEC/w"}};
  // Ours comes last.
  REQUIRE(stream.trailers.size() == expected.size() + 1);
  const Header last = stream.trailers[expected.size()];
  CHECK(last.name == "lgsp-receipt");
  CHECK(absl::StartsWith(last.value, "test/gateway/0#"));
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(stream.trailers[i].name == expected[i].name);
    CHECK(stream.trailers[i].value == expected[i].value);
  }
  CHECK(fixture.Handled("Unary", "FAILED_PRECONDITION") == 1);
  CHECK(fixture.Handled("Unary", "*") == 1);
}

TEST_CASE("an answer of trailers only passes as one") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  Headers head = kAnswerHead;
  head.push_back({"grpc-status", "5"});
  head.push_back({"grpc-message", "gone"});
  arrival.peer->Respond(arrival.id, head, true);
  const absl::Status status = fixture.Finish(client, id);
  CHECK(absl::IsNotFound(status));
  CHECK(status.message() == "gone");
  CHECK(client.stream(id).trailers.empty());
  CHECK(client.stream(id).received == 0);
  CHECK_FALSE(client.stream(id).Field("lgsp-exchange-id").empty());
  CHECK(fixture.Handled("Unary", "NOT_FOUND") == 1);
}

TEST_CASE("an informational answer is not the answer") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->SubmitHeaders(arrival.id, {{":status", "103"}, {"link", "x"}}, false);
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
  CHECK(client.stream(id).Field(":status") == "200");
  CHECK(client.stream(id).Field("link").empty());
}

TEST_CASE("a cancel of the system reaches the service") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  client.Reset(id, NGHTTP2_CANCEL);
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK(arrival.stream().error_code == NGHTTP2_CANCEL);
  fixture.RunUntil([&] { return fixture.Handled("Chat", "CANCELLED") == 1; });
  CHECK(fixture.Handled("Chat", "*") == 1);
  // Both connections go on.
  const int32_t next = client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival second = fixture.NextArrival();
  CHECK(second.peer == arrival.peer);
  second.peer->Respond(second.id, kAnswerHead);
  second.peer->End(second.id, kOkTrailers);
  CHECK(fixture.Finish(client, next).ok());
}

TEST_CASE("a system that goes away cancels all its calls") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  client.Request(GrpcHead(kChat), "", false);
  client.Request(GrpcHead(kUnary), FrameMessage(""), true);
  const Arrival one = fixture.NextArrival();
  const Arrival two = fixture.NextArrival();
  client.Abort();
  fixture.RunUntil([&] { return one.stream().closed() && two.stream().closed(); });
  CHECK(one.stream().error_code == NGHTTP2_CANCEL);
  CHECK(two.stream().error_code == NGHTTP2_CANCEL);
  fixture.RunUntil([&] { return fixture.Metric("gateway_inflight") == 0; });
  CHECK(fixture.Handled("Chat", "CANCELLED") == 1);
  CHECK(fixture.Handled("Unary", "CANCELLED") == 1);
}

TEST_CASE("a reset by the service ends the call with what the reset says") {
  struct Row {
    uint32_t code;
    absl::StatusCode status;
    const char* reason;
  };
  const Row rows[] = {
      {NGHTTP2_CANCEL, absl::StatusCode::kCancelled, "UPSTREAM_CANCELLED"},
      {NGHTTP2_ENHANCE_YOUR_CALM, absl::StatusCode::kResourceExhausted, "UPSTREAM_OVERLOADED"},
      {NGHTTP2_INTERNAL_ERROR, absl::StatusCode::kUnavailable, "UPSTREAM_LOST"}};
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  for (const bool answered : {false, true}) {
    for (const Row& row : rows) {
      INFO(row.reason << answered);
      const int32_t id = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
      const Arrival arrival = fixture.NextArrival();
      if (answered) {
        arrival.peer->Respond(arrival.id, kAnswerHead);
        arrival.peer->Send(arrival.id, FrameMessage("part"));
        fixture.RunUntil([&] { return client.stream(id).received > 0; });
      }
      arrival.peer->Reset(arrival.id, row.code);
      const absl::Status status = fixture.Finish(client, id);
      CHECK(status.code() == row.status);
      CHECK(ErrorReason(status) == row.reason);
    }
  }
  CHECK(fixture.Started("Chat") == 6);
  CHECK(fixture.Handled("Chat", "*") == 6);
}

TEST_CASE("an early answer ends the call while the system still sends") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id = client.Request(GrpcHead(kChat), FrameMessage("x"), false);
  const Arrival arrival = fixture.NextArrival();
  Headers head = kAnswerHead;
  head.push_back({"grpc-status", "7"});
  arrival.peer->Respond(arrival.id, head, true);
  CHECK(absl::IsPermissionDenied(fixture.Finish(client, id)));
  CHECK(client.stream(id).error_code == NGHTTP2_NO_ERROR);
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK(fixture.Handled("Chat", "PERMISSION_DENIED") == 1);
}

TEST_CASE("the deadline goes on, reduced by the time spent") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  client.Request(GrpcHead(kUnary, {{"grpc-timeout", "30S"}}), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  const auto forwarded = ParseTimeout(arrival.stream().Field("grpc-timeout"));
  REQUIRE(forwarded.ok());
  CHECK(*forwarded < absl::Seconds(30));
  CHECK(*forwarded > absl::ZeroDuration());
  CHECK(CountOf(arrival.stream().head, "grpc-timeout") == 1);
}

TEST_CASE("a call whose deadline passes ends on both sides") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id =
      client.Request(GrpcHead(kUnary, {{"grpc-timeout", "200m"}}), FrameMessage(""), true);
  const Arrival arrival = fixture.NextArrival();
  const absl::Status status = fixture.Finish(client, id);
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(ErrorReason(status) == "DEADLINE_PASSED");
  fixture.RunUntil([&] { return arrival.stream().closed(); });
  CHECK(arrival.stream().error_code == NGHTTP2_CANCEL);
  CHECK(fixture.Handled("Unary", "DEADLINE_EXCEEDED") == 1);
  CHECK(fixture.Handled("Unary", "*") == 1);
}

TEST_CASE("a deadline in the middle of an answer is told in trailers") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id =
      client.Request(GrpcHead(kChat, {{"grpc-timeout", "300m"}}), FrameMessage(""), false);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->Send(arrival.id, FrameMessage("one"));
  const absl::Status status = fixture.Finish(client, id);
  CHECK(ErrorReason(status) == "DEADLINE_PASSED");
  CHECK(client.stream(id).body == FrameMessage("one"));
}

TEST_CASE("a deadline that has passed on arrival never reaches the service") {
  GatewayFixture fixture;
  fixture.Start();
  H2Peer& client = fixture.Client();
  const int32_t id =
      client.Request(GrpcHead(kUnary, {{"grpc-timeout", "0n"}}), FrameMessage(""), true);
  CHECK(ErrorReason(fixture.Finish(client, id)) == "DEADLINE_PASSED");
  CHECK(fixture.upstreams().empty());
  CHECK(fixture.Started("Unary") == 1);
  CHECK(fixture.Handled("Unary", "DEADLINE_EXCEEDED") == 1);
}

TEST_CASE("plain HTTP/2 on loopback calls as the configured system") {
  GatewayFixture fixture;
  fixture.config.set_h2c_listen("127.0.0.1:0");
  fixture.config.set_h2c_system(kAlpha);
  fixture.Start();
  H2Peer& client = fixture.loop.Connect(fixture.server->h2c_port(), {});
  const int32_t id = client.Request(GrpcHead(kUnary), FrameMessage("plain"), true);
  const Arrival arrival = fixture.NextArrival();
  arrival.peer->Respond(arrival.id, kAnswerHead);
  arrival.peer->End(arrival.id, kOkTrailers);
  CHECK(fixture.Finish(client, id).ok());
}

TEST_CASE("plain HTTP/2 is for development on loopback only") {
  const auto refusal = [](const std::function<void(GatewayConfig&)>& change) {
    GatewayFixture fixture;
    fixture.config.set_h2c_listen("127.0.0.1:0");
    fixture.config.set_h2c_system(kAlpha);
    fixture.snapshot = MakeSnapshot();
    change(fixture.config);
    fixture.WritePolicy();
    return ErrorReason(
        Server::Start(fixture.config, fixture.folder.path(), &fixture.metrics, &fixture.clock)
            .status());
  };
  CHECK(refusal([](auto&) {}).empty());
  CHECK(refusal([](auto& c) { c.set_profile(GatewayConfig::PRODUCTION); }) == "H2C_NOT_ALLOWED");
  CHECK(refusal([](auto& c) { c.set_h2c_listen("0.0.0.0:0"); }) == "H2C_NOT_ALLOWED");
  CHECK(refusal([](auto& c) { c.set_listen("localhost:0"); }) == "ADDRESS_INVALID");
}

}  // namespace
}  // namespace lgsp::gateway
