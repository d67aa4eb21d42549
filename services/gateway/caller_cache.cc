#include "services/gateway/caller_cache.h"

#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {

absl::StatusOr<std::shared_ptr<const KnownCaller>> CallerCache::Find(
    absl::string_view key, absl::FunctionRef<absl::StatusOr<lgsp::auth::v1::Caller>()> make) {
  const absl::Time now = clock_->SecurityNow();
  const auto it = callers_.find(key);
  if (it != callers_.end() && now < it->second->renew) return it->second;
  auto made = std::make_shared<KnownCaller>();
  ASSIGN_OR_RETURN(made->caller, make());
  ASSIGN_OR_RETURN(made->token, auth::SignCaller(made->caller, *key_, *clock_));
  made->renew = now + auth::kCallerLifetime - kCallerRenewal;
  lgsp::auth::v1::Caller kept = made->caller;
  kept.clear_agencies();
  made->evidence = kept.SerializeAsString();
  // When it is full, all are made anew as they are asked for: rare, and simpler than an order of
  // age.
  if (callers_.size() >= kMaxKnownCallers) callers_.clear();
  callers_[key] = made;
  return made;
}

}  // namespace lgsp::gateway
