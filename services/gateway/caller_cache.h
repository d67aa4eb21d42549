// `lgsp-caller` tokens of one worker: signing costs tens of microseconds, and most calls repeat the
// one before.
#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "libs/clock/clock.h"
#include "libs/keys/jws.h"

namespace lgsp::gateway {

// Used by one thread.
class CallerCache {
 public:
  CallerCache(const keys::SigningKey* key, const Clock* clock) : key_(key), clock_(clock) {}

  // The token for `caller`, good for at least kCallerRenewal.
  absl::StatusOr<std::string> Token(const lgsp::auth::v1::Caller& caller);

 private:
  struct Entry {
    std::string token;
    absl::Time renew;
  };
  const keys::SigningKey* const key_;
  const Clock* const clock_;
  absl::flat_hash_map<std::string, Entry> tokens_;
};

}  // namespace lgsp::gateway
