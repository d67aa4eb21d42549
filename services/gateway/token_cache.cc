#include "services/gateway/token_cache.h"

#include "libs/auth/access_token.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {

TokenCache::Token TokenCache::Find(const Policy& policy, absl::string_view digest, absl::Time now) {
  if (policy.issuers_id() != issuers_) {
    tokens_.clear();
    issuers_ = policy.issuers_id();
  }
  const auto it = tokens_.find(digest);
  if (it == tokens_.end()) return nullptr;
  if (now < absl::FromUnixSeconds(it->second->claims.exp())) return it->second;
  tokens_.erase(it);
  return nullptr;
}

absl::StatusOr<TokenCache::Token> TokenCache::Verify(const Policy& policy, absl::string_view jws,
                                                     absl::string_view digest, absl::Time now) {
  auto token = std::make_shared<Verified>();
  ASSIGN_OR_RETURN(token->claims, auth::VerifyAccessToken(jws, policy.token_issuers(), now));
  token->digest = std::string(digest);
  // When it is full, all are verified anew as they come: rare, and simpler than an order of age.
  if (tokens_.size() >= kMaxTokensPerWorker) tokens_.clear();
  tokens_[digest] = token;
  return Token(std::move(token));
}

}  // namespace lgsp::gateway
