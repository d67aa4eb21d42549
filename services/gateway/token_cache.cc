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
  if (now < absl::FromUnixSeconds(it->second->exp())) return it->second;
  tokens_.erase(it);
  return nullptr;
}

absl::StatusOr<TokenCache::Token> TokenCache::Verify(const Policy& policy, absl::string_view jws,
                                                     absl::string_view digest, absl::Time now) {
  ASSIGN_OR_RETURN(auto verified, auth::VerifyAccessToken(jws, policy.token_issuers(), now));
  auto token = std::make_shared<const lgsp::auth::v1::AccessToken>(std::move(verified));
  // When it is full, all are verified anew as they come: rare, and simpler than an order of age.
  if (tokens_.size() >= kMaxTokensPerWorker) tokens_.clear();
  tokens_[digest] = token;
  return token;
}

}  // namespace lgsp::gateway
