#include "services/gateway/caller_cache.h"

#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {

absl::StatusOr<std::string> CallerCache::Token(const lgsp::auth::v1::Caller& caller) {
  const absl::Time now = clock_->SecurityNow();
  std::string key = caller.SerializeAsString();
  const auto it = tokens_.find(key);
  if (it != tokens_.end() && now < it->second.renew) return it->second.token;
  ASSIGN_OR_RETURN(std::string token, auth::SignCaller(caller, *key_, *clock_));
  // When it is full, all are made anew as they are asked for: rare, and simpler than an order of
  // age.
  if (tokens_.size() >= kMaxCallerTokens) tokens_.clear();
  tokens_[std::move(key)] = {token, now + auth::kCallerLifetime - kCallerRenewal};
  return token;
}

}  // namespace lgsp::gateway
