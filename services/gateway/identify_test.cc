#include "services/gateway/identify.h"

#include <catch2/catch.hpp>
#include <functional>

#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"
#include "services/gateway/pipeline.h"
#include "services/gateway/policy_fixture_test.h"

namespace lgsp::gateway {
namespace {

using lgsp::auth::v1::AccessToken;

class Caller {
 public:
  Caller() { Pin(); }

  // The snapshot with `issuers` of tokens: this one's key, or none.
  void Pin(bool pinned = true) {
    auto snapshot = MakeSnapshot();
    if (pinned) {
      auto* issuer = snapshot.add_token_issuers();
      issuer->set_issuer("https://identity.test");
      issuer->set_audience("gateway.test");
      issuer->add_public_keys(key.PublicBytes());
    }
    snapshot.mutable_agreements(0)->set_officer_assertion(true);
    policy = *Policy::Compile(snapshot, Policy::Upstreams::kNotLocal, &metrics_);
  }

  AccessToken Token(absl::string_view subject = "officers/an") const {
    AccessToken token;
    token.set_iss("https://identity.test");
    token.set_aud("gateway.test");
    token.set_iat(1'800'000'000);
    token.set_exp(1'800'000'300);
    token.set_sub(std::string(subject));
    token.set_client_id(kAlpha);
    token.set_unit("H12.50.01");
    token.add_roles("intake");
    token.set_acr("high");
    return token;
  }

  static Headers Bearer(absl::string_view jws) {
    return {{"authorization", absl::StrCat("Bearer ", jws)}};
  }
  absl::StatusOr<Identity> Ask(const Headers& fields) {
    return Identify(*policy, peer, fields, tokens, now);
  }
  absl::StatusOr<Identity> Ask(const AccessToken& token) {
    return Ask(Bearer(*auth::SignAccessToken(token, key)));
  }
  absl::StatusOr<lgsp::auth::v1::Caller> Decided(const AccessToken& token, Headers more = {}) {
    const auto identity = Ask(token);
    if (!identity.ok()) return identity.status();
    const RequestHead head = {"POST", kUnary, std::move(more)};
    const auto decision = Decide(*policy, *identity, head, now);
    if (!decision.ok()) return decision.status();
    return CallerOf(*decision, *identity, head);
  }

  const keys::SigningKey key = keys::SigningKey::Generate();
  std::shared_ptr<const Policy> policy;
  Peer peer{"", true, "alpha", keys::Sha256("certificate"), 0};
  TokenCache tokens;
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);

 private:
  metrics::Registry registry_;
  GatewayMetrics metrics_{&registry_};
};

TEST_CASE("identify: a token says for whom the connection's system calls") {
  Caller caller;
  CHECK(caller.Ask(Headers{})->token == nullptr);
  const auto officer = caller.Decided(caller.Token());
  REQUIRE(officer.ok());
  CHECK(officer->officer().id() == "an");
  CHECK(officer->officer().unit() == "H12.50.01");
  CHECK(officer->officer().roles(0) == "intake");
  CHECK_FALSE(officer->officer().asserted());
  CHECK(officer->acr() == "high");
  const auto person = caller.Decided(caller.Token("persons/p1"));
  CHECK(person->person() == "persons/p1");
  CHECK_FALSE(person->has_officer());
  // The system for itself may go on to assert its officer, as without a token.
  const auto system =
      caller.Decided(caller.Token(kAlpha), {{"lgsp-officer", "b; H12.50.01; head"}});
  CHECK(system->officer().asserted());
  CHECK(system->person().empty());
  CHECK(system->acr().empty());
}

TEST_CASE("identify: a person is named once, and where the system acts") {
  Caller caller;
  const Header officer = {"lgsp-officer", "b; H12.50.01; head"};
  for (const char* subject : {"officers/an", "persons/p1"}) {
    CHECK(ErrorReason(caller.Decided(caller.Token(subject), {officer}).status()) ==
          "OFFICER_INVALID");
  }
  AccessToken elsewhere = caller.Token();
  elsewhere.set_unit("H12.16");
  CHECK(ErrorReason(caller.Decided(elsewhere).status()) == "AGENCY_NOT_REPRESENTED");
}

TEST_CASE("identify: a token is good on its system's connections, and on its certificate") {
  Caller caller;
  AccessToken other = caller.Token(kBeta);
  other.set_client_id(kBeta);
  CHECK(ErrorReason(caller.Ask(other).status()) == "TOKEN_BOUND_ELSEWHERE");
  AccessToken bound = caller.Token();
  bound.mutable_cnf()->set_x5t_s256(keys::Base64Url(keys::Sha256("certificate")));
  CHECK(caller.Ask(bound).ok());
  caller.peer.certificate_sha256 = keys::Sha256("another of the same system");
  CHECK(ErrorReason(caller.Ask(bound).status()) == "TOKEN_BOUND_ELSEWHERE");
  CHECK(caller.Ask(caller.Token()).ok());
  caller.peer.spki_sha256 = "nobody";
  CHECK(ErrorReason(caller.Ask(caller.Token()).status()) == "SYSTEM_UNKNOWN");
}

TEST_CASE("identify: without TLS the token alone says which system it is, unless one is fixed") {
  Caller caller;
  caller.peer = Peer{"", false, "", "", 0};
  const auto identity = caller.Ask(caller.Token());
  REQUIRE(identity.ok());
  CHECK(identity->system->system->name() == kAlpha);
  CHECK(ErrorReason(caller.Ask(Headers{}).status()) == "TOKEN_INVALID");
  AccessToken bound = caller.Token();
  bound.mutable_cnf()->set_x5t_s256(keys::Base64Url(keys::Sha256("certificate")));
  CHECK(ErrorReason(caller.Ask(bound).status()) == "TOKEN_BOUND_ELSEWHERE");
  AccessToken gone = caller.Token("systems/gone");
  gone.set_client_id("systems/gone");
  CHECK(ErrorReason(caller.Ask(gone).status()) == "SYSTEM_UNKNOWN");
  caller.peer.fixed_system = kBeta;
  CHECK(ErrorReason(caller.Ask(caller.Token()).status()) == "TOKEN_BOUND_ELSEWHERE");
  CHECK(caller.Ask(Headers{})->system->system->name() == kBeta);
}

TEST_CASE("identify: a verified token is remembered until it ends or its issuer's keys change") {
  Caller caller;
  const Headers fields = Caller::Bearer(*auth::SignAccessToken(caller.Token(), caller.key));
  const auto first = caller.Ask(fields);
  REQUIRE(first.ok());
  CHECK(caller.Ask(fields)->token == first->token);
  caller.Pin();  // another policy, the same issuers
  CHECK(caller.Ask(fields)->token == first->token);
  CHECK(SystemUnder(*caller.policy, caller.peer, first->token) != nullptr);
  caller.Pin(false);
  CHECK(ErrorReason(caller.Ask(fields).status()) == "TOKEN_INVALID");
  CHECK(SystemUnder(*caller.policy, caller.peer, first->token) == nullptr);
  CHECK(SystemUnder(*caller.policy, caller.peer, nullptr) != nullptr);
  caller.Pin();
  CHECK(caller.Ask(fields).ok());
  caller.now += absl::Seconds(300);
  CHECK(ErrorReason(caller.Ask(fields).status()) == "TOKEN_EXPIRED");
}

TEST_CASE("identify: bad tokens are refused, and after some of them not even looked at") {
  Caller caller;
  for (const char* bad : {"Basic eDp5", "Bearer", "Bearer x", "x"}) {
    CHECK(ErrorReason(caller.Ask(Headers{{"authorization", bad}}).status()) == "TOKEN_INVALID");
  }
  const Headers good = Caller::Bearer(*auth::SignAccessToken(caller.Token(), caller.key));
  REQUIRE(caller.Ask(good).ok());
  AccessToken fresh = caller.Token();
  fresh.set_jti("fresh");
  while (caller.peer.bad_tokens < kMaxBadTokens) CHECK_FALSE(caller.Ask(Caller::Bearer("x")).ok());
  CHECK(ErrorReason(caller.Ask(fresh).status()) == "TOKENS_REFUSED");
  // What is known already goes on.
  CHECK(caller.Ask(good).ok());
  caller.peer.bad_tokens = 0;  // a second later
  CHECK(caller.Ask(fresh).ok());
}

TEST_CASE("identify: a policy with issuers that cannot be does not compile") {
  metrics::Registry registry;
  GatewayMetrics metrics(&registry);
  const auto compiles = [&](const std::function<void(registry::v1::TokenIssuer&)>& change) {
    auto snapshot = MakeSnapshot();
    auto& issuer = *snapshot.add_token_issuers();
    issuer.set_issuer("i");
    issuer.set_audience("a");
    issuer.add_public_keys(keys::SigningKey::Generate().PublicBytes());
    change(issuer);
    return Policy::Compile(snapshot, Policy::Upstreams::kNotLocal, &metrics).ok();
  };
  CHECK(compiles([](auto&) {}));
  CHECK_FALSE(compiles([](auto& issuer) { issuer.clear_issuer(); }));
  CHECK_FALSE(compiles([](auto& issuer) { issuer.clear_audience(); }));
  CHECK_FALSE(compiles([](auto& issuer) { issuer.clear_public_keys(); }));
  CHECK_FALSE(compiles([](auto& issuer) { issuer.set_public_keys(0, "short"); }));
  CHECK_FALSE(compiles([](auto& issuer) {
    while (issuer.public_keys_size() <= kMaxIssuerKeys) {
      issuer.add_public_keys(issuer.public_keys(0));
    }
  }));
}

}  // namespace
}  // namespace lgsp::gateway
