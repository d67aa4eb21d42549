#include "services/gateway/pipeline.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "libs/status/status.h"
#include "services/gateway/limits.h"
#include "services/gateway/policy_fixture_test.h"

namespace lgsp::gateway {
namespace {

using lgsp::registry::v1::PolicySnapshot;

constexpr char kTrace[] = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

struct Asked : Decision {
  lgsp::auth::v1::Caller caller;
};

class Pipeline {
 public:
  explicit Pipeline(const PolicySnapshot& snapshot = MakeSnapshot())
      : policy_(*Policy::Compile(snapshot, Policy::Upstreams::kNotLocal, &metrics_)) {}

  absl::StatusOr<Asked> Ask(const Headers& fields, const std::string& path = kUnary,
                            absl::string_view key = "alpha") const {
    Peer peer;
    peer.spki_sha256 = std::string(key);
    TokenCache tokens;
    const auto identity = Identify(*policy_, peer, fields, tokens, now_);
    if (!identity.ok()) return identity.status();
    const RequestHead head = {"POST", path, fields};
    const auto decision = Decide(*policy_, *identity, head, now_);
    if (!decision.ok()) return decision.status();
    const auto caller = CallerOf(*decision, *identity, head);
    if (!caller.ok()) return caller.status();
    return Asked{*decision, *caller};
  }
  // Status and reason, `INVALID_ARGUMENT PURPOSE_REQUIRED`; empty when the call is allowed.
  std::string Refusal(const Headers& fields, const std::string& path = kUnary,
                      absl::string_view key = "alpha") const {
    const absl::Status status = Ask(fields, path, key).status();
    if (status.ok()) return "";
    return absl::StatusCodeToString(status.code()) + " " + ErrorReason(status);
  }

 private:
  metrics::Registry registry_;
  GatewayMetrics metrics_{&registry_};
  const std::shared_ptr<const Policy> policy_;
  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

Pipeline With(const std::function<void(lgsp::registry::v1::Agreement&)>& change) {
  PolicySnapshot snapshot = MakeSnapshot();
  change(*snapshot.mutable_agreements(0));
  return Pipeline(snapshot);
}

int CountOf(const Headers& fields, absl::string_view name) {
  return static_cast<int>(std::count_if(fields.begin(), fields.end(),
                                        [&](const Header& field) { return field.name == name; }));
}

TEST_CASE("an allowed call knows its caller, route and deadline") {
  const Pipeline pipeline;
  const auto decision = pipeline.Ask({{"grpc-timeout", "5S"}});
  REQUIRE(decision.ok());
  CHECK(decision->route->service == kEcho);
  CHECK(decision->route->method == "Unary");
  CHECK(decision->timeout == absl::Seconds(5));
  const auto& caller = decision->caller;
  CHECK(caller.aud() == kEcho);
  CHECK(caller.system() == kAlpha);
  CHECK(caller.participant() == "participants/A");
  REQUIRE(caller.agencies_size() == 2);
  CHECK(caller.agencies(1) == "H12.50.*");
  CHECK(caller.agreement() == "agreements/alpha-echo");
  CHECK(caller.purpose().empty());
  CHECK(caller.dossier().empty());
  CHECK_FALSE(caller.has_officer());
}

TEST_CASE("who is not known, or has no agreement, is refused") {
  const Pipeline pipeline;
  CHECK(pipeline.Refusal({}, kUnary, "nobody") == "UNAUTHENTICATED SYSTEM_UNKNOWN");
  CHECK(pipeline.Refusal({}, kUnary, "beta") == "PERMISSION_DENIED NO_AGREEMENT");
  // What is not allowed and what does not exist look the same.
  CHECK(pipeline.Refusal({}, "/test.v1.Other/Call") == "PERMISSION_DENIED NO_AGREEMENT");
  CHECK(pipeline.Refusal({}, "/test.v1.Echo/Gone") == "PERMISSION_DENIED NO_AGREEMENT");
  CHECK(pipeline.Refusal({}, "/test.v1.Gone/Call") == "PERMISSION_DENIED NO_AGREEMENT");
  // The path is compared as it came: another spelling is another path.
  CHECK(pipeline.Refusal({}, "/test.v1.Echo/%55nary") == "PERMISSION_DENIED NO_AGREEMENT");
  CHECK(pipeline.Refusal({}, "/test.v1.echo/unary") == "PERMISSION_DENIED NO_AGREEMENT");
}

TEST_CASE("an agreement counts within its term") {
  const auto ended = With([](auto& a) { a.mutable_valid_until()->set_seconds(1'800'000'000); });
  CHECK(ended.Refusal({}) == "PERMISSION_DENIED AGREEMENT_NOT_IN_FORCE");
  const auto to_come = With([](auto& a) { a.mutable_valid_from()->set_seconds(1'800'000'001); });
  CHECK(to_come.Refusal({}) == "PERMISSION_DENIED AGREEMENT_NOT_IN_FORCE");
  const auto begins = With([](auto& a) { a.mutable_valid_from()->set_seconds(1'800'000'000); });
  CHECK(begins.Refusal({}).empty());
}

TEST_CASE("the platform's own headers may not come from outside") {
  const Pipeline pipeline;
  CHECK(pipeline.Refusal({{"lgsp-caller", "x"}}) == "INVALID_ARGUMENT HEADER_RESERVED");
  CHECK(pipeline.Refusal({{"lgsp-system", kAlpha}}) == "INVALID_ARGUMENT HEADER_RESERVED");
  CHECK(pipeline.Refusal({{"a", "b"}, {"lgsp-caller", ""}}) == "INVALID_ARGUMENT HEADER_RESERVED");
}

TEST_CASE("a purpose is one of the agreement's, or any well-formed one where it lists none") {
  const Pipeline open;
  const std::string longest(64, 'a');
  CHECK(open.Ask({{"lgsp-purpose", "tax-check_1.2"}})->caller.purpose() == "tax-check_1.2");
  CHECK(open.Ask({{"lgsp-purpose", longest}})->caller.purpose() == longest);
  const auto demanding = With([](auto& a) {
    a.add_purposes("settlement");
    a.add_purposes("statistics");
  });
  CHECK(demanding.Ask({{"lgsp-purpose", "statistics"}})->caller.purpose() == "statistics");
  CHECK(demanding.Refusal({}) == "INVALID_ARGUMENT PURPOSE_REQUIRED");
  CHECK(demanding.Refusal({{"lgsp-purpose", "other"}}) == "PERMISSION_DENIED PURPOSE_NOT_ALLOWED");
  for (const std::string& bad : {std::string(65, 'a'), std::string("a b"), std::string("a;b"),
                                 std::string("\xc3\xa0"), std::string("a\"b")}) {
    INFO(bad);
    CHECK(open.Refusal({{"lgsp-purpose", bad}}) == "INVALID_ARGUMENT PURPOSE_INVALID");
    CHECK(demanding.Refusal({{"lgsp-purpose", bad}}) == "INVALID_ARGUMENT PURPOSE_INVALID");
  }
}

TEST_CASE("a dossier is named where the agreement demands it, and well") {
  const Pipeline open;
  CHECK(open.Ask({{"lgsp-dossier", "dossiers/a-1"}})->caller.dossier() == "dossiers/a-1");
  const auto demanding = With([](auto& a) { a.set_dossier_required(true); });
  CHECK(demanding.Refusal({}) == "INVALID_ARGUMENT DOSSIER_REQUIRED");
  CHECK(demanding.Refusal({{"lgsp-dossier", "dossiers/a"}}).empty());
  for (const std::string& bad :
       {std::string("a"), std::string("/dossiers/a"), std::string("dossier/a"),
        std::string("dossiers/a b"), std::string("dossiers/\xc3\xa0"), std::string("dossiers/a;"),
        "dossiers/" + std::string(120, 'a')}) {
    INFO(bad);
    CHECK(open.Refusal({{"lgsp-dossier", bad}}) == "INVALID_ARGUMENT DOSSIER_INVALID");
  }
}

TEST_CASE("an officer is named where the agreement lets the system, for its own agencies") {
  const Header officer = {"lgsp-officer", "o1; H12.50.01; intake,head"};
  CHECK(Pipeline().Refusal({officer}) == "PERMISSION_DENIED OFFICER_NOT_ALLOWED");
  const auto allowed = With([](auto& a) { a.set_officer_assertion(true); });
  CHECK(allowed.Refusal({}).empty());
  const auto decision = allowed.Ask({officer});
  REQUIRE(decision.ok());
  CHECK(decision->caller.officer().id() == "o1");
  CHECK(decision->caller.officer().unit() == "H12.50.01");
  CHECK(decision->caller.officer().roles_size() == 2);
  CHECK(decision->caller.officer().asserted());
  CHECK(allowed.Refusal({{"lgsp-officer", "o1; H12.15; intake"}}).empty());
  CHECK(allowed.Refusal({{"lgsp-officer", "o1; H12.16; intake"}}) ==
        "PERMISSION_DENIED AGENCY_NOT_REPRESENTED");
  CHECK(allowed.Refusal({{"lgsp-officer", "o1; H12; intake"}}) ==
        "PERMISSION_DENIED AGENCY_NOT_REPRESENTED");
  CHECK(allowed.Refusal({{"lgsp-officer", "nonsense"}}) == "INVALID_ARGUMENT OFFICER_INVALID");
}

TEST_CASE("a deadline is the caller's, bounded, or the default") {
  const Pipeline pipeline;
  CHECK(pipeline.Ask({})->timeout == kDefaultDeadline);
  CHECK(pipeline.Ask({{"grpc-timeout", "1H"}})->timeout == kMaxDeadline);
  CHECK(pipeline.Ask({{"grpc-timeout", "99H"}})->timeout == kMaxDeadline);
  CHECK(pipeline.Ask({{"grpc-timeout", "0m"}})->timeout == absl::ZeroDuration());
  CHECK(pipeline.Refusal({{"grpc-timeout", "soon"}}) == "INVALID_ARGUMENT TIMEOUT_INVALID");
}

TEST_CASE("a good traceparent is kept, a bad or missing one is made anew") {
  const Pipeline pipeline;
  CHECK(pipeline.Ask({{"traceparent", kTrace}})->traceparent == kTrace);
  const std::string made = pipeline.Ask({})->traceparent;
  CHECK(made.size() == 55);
  // What is made is good itself, and another one each time.
  CHECK(pipeline.Ask({{"traceparent", made}})->traceparent == made);
  CHECK(pipeline.Ask({})->traceparent != made);
  std::string upper = kTrace;
  upper[10] = 'A';
  for (const std::string& bad :
       {std::string("x"), std::string(kTrace) + "0", std::string(kTrace).substr(1), upper,
        std::string("01") + std::string(kTrace).substr(2)}) {
    INFO(bad);
    CHECK(pipeline.Ask({{"traceparent", bad}})->traceparent != bad);
  }
}

TEST_CASE("what goes to the service: the caller's fields without the platform's, and ours") {
  const RequestHead head = {"POST",
                            kUnary,
                            {{"content-type", "application/grpc+proto"},
                             {"user-agent", "test"},
                             {"x-data-bin", "AAEC"},
                             {"twice", "1"},
                             {"twice", "2"},
                             {"grpc-encoding", "gzip"},
                             {"grpc-accept-encoding", "gzip"},
                             {"lgsp-purpose", "p"},
                             {"lgsp-dossier", "dossiers/a"},
                             {"lgsp-officer", "o"},
                             {"lgsp-anything", "x"},
                             {"lgsp-exchange-id", "forged"},
                             {"authorization", "Bearer secret"},
                             {"grpc-timeout", "9S"},
                             {"traceparent", "forged"},
                             {"te", "trailers, deflate"},
                             {"connection", "close"},
                             {"keep-alive", "1"},
                             {"proxy-connection", "close"},
                             {"transfer-encoding", "chunked"},
                             {"upgrade", "h2c"},
                             {"host", "elsewhere"}}};
  Route route;
  route.service = kEcho;
  Decision decision;
  decision.route = &route;
  decision.traceparent = kTrace;
  const Headers out = ForwardedHead(head, decision, absl::Seconds(4), "jws", "exchange");

  CHECK(FieldOf(out, "content-type") == "application/grpc+proto");
  CHECK(FieldOf(out, "user-agent") == "test");
  CHECK(FieldOf(out, "x-data-bin") == "AAEC");
  CHECK(FieldOf(out, "grpc-encoding") == "gzip");
  CHECK(FieldOf(out, "grpc-accept-encoding") == "gzip");
  CHECK(CountOf(out, "twice") == 2);
  for (const char* gone :
       {"lgsp-purpose", "lgsp-dossier", "lgsp-officer", "lgsp-anything", "authorization",
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"}) {
    INFO(gone);
    CHECK(CountOf(out, gone) == 0);
  }
  const Headers ours = {{":method", "POST"},
                        {":path", kUnary},
                        {":authority", kEcho},
                        {"te", "trailers"},
                        {"grpc-timeout", "4000000u"},
                        {"traceparent", kTrace},
                        {"lgsp-exchange-id", "exchange"},
                        {"lgsp-caller", "jws"}};
  for (const Header field : ours) {
    INFO(field.name);
    CHECK(CountOf(out, field.name) == 1);
    CHECK(FieldOf(out, field.name) == field.value);
  }
}

}  // namespace
}  // namespace lgsp::gateway
