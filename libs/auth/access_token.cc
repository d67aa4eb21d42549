#include "libs/auth/access_token.h"

#include <algorithm>

#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"

namespace lgsp::auth {
namespace {

using google::protobuf::util::JsonParseOptions;
using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageToJsonString;
using lgsp::auth::v1::AccessToken;

absl::Status Invalid(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, "TOKEN_INVALID", message);
}

constexpr int kMaxRoles = 8;

absl::Status CheckSubject(const AccessToken& token) {
  absl::string_view subject = token.sub();
  if (token.client_id().empty()) return Invalid("the token names no system");
  if (subject == token.client_id()) return absl::OkStatus();
  if (absl::ConsumePrefix(&subject, kPersonSubject) && IsOfficerId(subject)) {
    return absl::OkStatus();
  }
  const bool officer = absl::ConsumePrefix(&subject, kOfficerSubject) && IsOfficerId(subject) &&
                       IsOfficerId(token.unit()) && token.roles_size() <= kMaxRoles &&
                       std::all_of(token.roles().begin(), token.roles().end(), IsOfficerId);
  return officer ? absl::OkStatus()
                 : Invalid("the subject is neither the system nor an officer nor a person");
}

absl::Status CheckTime(const AccessToken& token, absl::Time now) {
  const absl::Time begin = absl::FromUnixSeconds(std::max(token.iat(), token.nbf()));
  const absl::Time end = absl::FromUnixSeconds(token.exp());
  if (end - absl::FromUnixSeconds(token.iat()) > kMaxAccessTokenLife) {
    return Invalid("the token lives too long");
  }
  if (now < begin - kClockSkew || now >= end) {
    return MakeError(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED",
                     "the token is not valid at this time");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> SignAccessToken(const AccessToken& token, const keys::SigningKey& key) {
  std::string json;
  if (!MessageToJsonString(token, &json).ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TOKEN_INVALID",
                     "the token has text that is not UTF-8");
  }
  return key.SignJws(json, kAccessTokenType);
}

absl::StatusOr<AccessToken> VerifyAccessToken(absl::string_view jws,
                                              const std::vector<TokenIssuer>& issuers,
                                              absl::Time now) {
  for (const TokenIssuer& issuer : issuers) {
    const auto payload = keys::VerifyJws(jws, issuer.keys, kAccessTokenType);
    if (!payload.ok()) continue;
    AccessToken token;
    JsonParseOptions options;
    options.ignore_unknown_fields = true;
    if (!JsonStringToMessage(*payload, &token, options).ok()) {
      return Invalid("the claims of the token are unreadable");
    }
    // Another issuer may have the same key; it may not speak for this one.
    if (token.iss() != issuer.issuer) continue;
    if (token.aud() != issuer.audience) return Invalid("the token is meant for another audience");
    RETURN_IF_ERROR(CheckSubject(token));
    RETURN_IF_ERROR(CheckTime(token, now));
    return token;
  }
  return Invalid("the token is not signed by an issuer that is believed here");
}

}  // namespace lgsp::auth
