#include "libs/auth/access_token.h"

#include <catch2/catch.hpp>
#include <functional>

#include "absl/strings/str_cat.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"

namespace lgsp::auth {
namespace {

using lgsp::auth::v1::AccessToken;

constexpr char kIssuer[] = "https://issuer.test";
constexpr char kAudience[] = "gateway.test";
constexpr int64_t kNow = 1'790'000'000;

class Tokens {
 public:
  AccessToken Good() const {
    AccessToken token;
    token.set_iss(kIssuer);
    token.set_aud(kAudience);
    token.set_iat(kNow);
    token.set_exp(kNow + 300);
    token.set_sub("officers/an");
    token.set_client_id("systems/a");
    token.set_unit("H12.50.01");
    token.add_roles("intake");
    return token;
  }
  absl::StatusOr<AccessToken> Verify(absl::string_view jws, int64_t now = kNow) const {
    return VerifyAccessToken(jws, issuers_, absl::FromUnixSeconds(now));
  }
  std::string Refusal(const std::function<void(AccessToken&)>& change) const {
    AccessToken token = Good();
    change(token);
    return ErrorReason(Verify(*SignAccessToken(token, key)).status());
  }

  const keys::SigningKey key = keys::SigningKey::Generate();
  const keys::SigningKey other = keys::SigningKey::Generate();

 private:
  const std::vector<TokenIssuer> issuers_ = {
      {"https://elsewhere.test", kAudience, {*keys::VerifyKey::FromBytes(other.PublicBytes())}},
      {kIssuer, kAudience, {*keys::VerifyKey::FromBytes(key.PublicBytes())}}};
};

TEST_CASE("access token: what its issuer says, in its time") {
  const Tokens tokens;
  const std::string jws = *SignAccessToken(tokens.Good(), tokens.key);
  const auto token = tokens.Verify(jws);
  REQUIRE(token.ok());
  CHECK(token->SerializeAsString() == tokens.Good().SerializeAsString());
  CHECK(tokens.Verify(jws, kNow + 299).ok());
  CHECK(tokens.Verify(jws, kNow - 5).ok());
  CHECK(ErrorReason(tokens.Verify(jws, kNow + 300).status()) == "TOKEN_EXPIRED");
  CHECK(ErrorReason(tokens.Verify(jws, kNow - 6).status()) == "TOKEN_EXPIRED");
  CHECK(tokens.Refusal([](AccessToken& t) { t.set_nbf(kNow + 10); }) == "TOKEN_EXPIRED");
}

TEST_CASE("access token: names of claims are those of RFC 9068 and 8705, others are ignored") {
  const Tokens tokens;
  const auto token = tokens.Verify(tokens.key.SignJws(
      absl::StrCat(R"({"iss":")", kIssuer, R"(","aud":")", kAudience, R"(","iat":)", kNow,
                   R"(,"exp":)", kNow + 60, R"(,"sub":"systems/a","client_id":"systems/a",)",
                   R"("scope":"x","cnf":{"x5t#S256":"abc"}})"),
      kAccessTokenType));
  REQUIRE(token.ok());
  CHECK(token->client_id() == "systems/a");
  CHECK(token->cnf().x5t_s256() == "abc");
}

TEST_CASE("access token: what is not to be believed") {
  const Tokens tokens;
  const auto invalid = [&](const std::function<void(AccessToken&)>& change) {
    return tokens.Refusal(change) == "TOKEN_INVALID";
  };
  CHECK(tokens.Refusal([](AccessToken&) {}).empty());
  // The other issuer's name under this one's key.
  CHECK(invalid([](AccessToken& t) { t.set_iss("https://elsewhere.test"); }));
  CHECK(invalid([](AccessToken& t) { t.set_aud("x"); }));
  CHECK(invalid([](AccessToken& t) { t.set_exp(kNow + 3601); }));
  CHECK(invalid([](AccessToken& t) { t.clear_client_id(); }));
  CHECK(invalid([](AccessToken& t) { t.clear_sub(); }));
  CHECK(invalid([](AccessToken& t) { t.set_sub("systems/b"); }));
  CHECK(invalid([](AccessToken& t) { t.set_sub("officers/a b"); }));
  CHECK(invalid([](AccessToken& t) { t.clear_unit(); }));
  CHECK(invalid([](AccessToken& t) { t.add_roles("a b"); }));
  const auto reason = [&](absl::string_view jws) {
    return ErrorReason(tokens.Verify(jws).status());
  };
  CHECK(reason("") == "TOKEN_INVALID");
  CHECK(reason("a.b.c") == "TOKEN_INVALID");
  CHECK(reason(*SignAccessToken(tokens.Good(), tokens.other)) == "TOKEN_INVALID");
  CHECK(reason(tokens.key.SignJws("{", kAccessTokenType)) == "TOKEN_INVALID");
  // A JWS of another kind by the same key, such as lgsp-caller.
  AccessToken token = tokens.Good();
  token.set_sub("systems/a");
  CHECK(reason(*SignAccessToken(token, tokens.key)).empty());
  const std::string payload =
      absl::StrCat(R"({"iss":")", kIssuer, R"(","aud":")", kAudience, R"(","iat":)", kNow,
                   R"(,"exp":)", kNow + 60, R"(,"sub":"systems/a","client_id":"systems/a"})");
  CHECK(reason(tokens.key.SignJws(payload, kAccessTokenType)).empty());
  CHECK(reason(tokens.key.SignJws(payload)) == "TOKEN_INVALID");
}

}  // namespace
}  // namespace lgsp::auth
