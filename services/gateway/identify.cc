#include "services/gateway/identify.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"
#include "services/gateway/pipeline.h"

namespace lgsp::gateway {
namespace {

constexpr absl::string_view kScheme = "Bearer ";

absl::Status Unauthenticated(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, reason, message);
}

// The connection itself says nothing.
bool TokenDecides(const Peer& peer) { return !peer.tls && peer.fixed_system.empty(); }

absl::StatusOr<TokenCache::Token> Verified(const Policy& policy, Peer& peer,
                                           absl::string_view authorization, TokenCache& tokens,
                                           absl::Time now) {
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) {
    return Unauthenticated("TOKEN_INVALID", "authorization must be `Bearer <token>`");
  }
  const absl::string_view jws = absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
  const std::string digest = keys::Sha256(jws);
  if (TokenCache::Token known = tokens.Find(policy, digest, now)) return known;
  if (peer.bad_tokens >= kMaxBadTokens) {
    return MakeError(absl::StatusCode::kResourceExhausted, "TOKENS_REFUSED",
                     "too many tokens of this connection were not to be believed");
  }
  auto token = tokens.Verify(policy, jws, digest, now);
  if (!token.ok()) ++peer.bad_tokens;
  return token;
}

}  // namespace

const SystemEntry* SystemOf(const Policy& policy, const Peer& peer) {
  return peer.tls ? policy.FindSystem(peer.spki_sha256)
                  : policy.FindSystemByName(peer.fixed_system);
}

const SystemEntry* SystemUnder(const Policy& policy, const Peer& peer,
                               const TokenCache::Token& token) {
  if (token == nullptr) return SystemOf(policy, peer);
  const auto& issuers = policy.token_issuers();
  const bool believed = std::any_of(issuers.begin(), issuers.end(), [&](const auto& issuer) {
    return issuer.issuer == token->claims.iss();
  });
  const bool connected = TokenDecides(peer) || SystemOf(policy, peer) != nullptr;
  if (!believed || !connected) return nullptr;
  return policy.FindSystemByName(token->claims.client_id());
}

absl::StatusOr<Identity> Identify(const Policy& policy, Peer& peer, const Headers& fields,
                                  TokenCache& tokens, absl::Time now) {
  Identity identity{SystemOf(policy, peer), nullptr};
  if (identity.system == nullptr && !TokenDecides(peer)) {
    return Unauthenticated("SYSTEM_UNKNOWN",
                           "the key of the certificate is not registered for any system");
  }
  const absl::string_view authorization = FieldOf(fields, "authorization");
  if (authorization.empty() && identity.system != nullptr) return identity;
  ASSIGN_OR_RETURN(identity.token, Verified(policy, peer, authorization, tokens, now));
  const auto& token = identity.token->claims;
  if (TokenDecides(peer)) identity.system = policy.FindSystemByName(token.client_id());
  if (identity.system == nullptr) {
    return Unauthenticated("SYSTEM_UNKNOWN", "the token's system is not registered");
  }
  const bool bound = !token.cnf().x5t_s256().empty();
  if (token.client_id() != identity.system->system->name() ||
      (bound && token.cnf().x5t_s256() != keys::Base64Url(peer.certificate_sha256))) {
    return Unauthenticated("TOKEN_BOUND_ELSEWHERE",
                           "the token was issued to another system or certificate");
  }
  return identity;
}

}  // namespace lgsp::gateway
