// Callers of one worker, as they are told to services and kept as evidence: most calls repeat what
// an earlier one said, and a signature costs tens of microseconds.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "libs/clock/clock.h"
#include "libs/keys/jws.h"

namespace lgsp::gateway {

struct KnownCaller {
  lgsp::auth::v1::Caller caller;
  // Serialized, without its agencies.
  std::string evidence;
  // `lgsp-caller`
  std::string token;
  absl::Time renew;
};

// Used by one thread.
class CallerCache {
 public:
  CallerCache(const keys::SigningKey* key, const Clock* clock) : key_(key), clock_(clock) {}

  // The caller by what it was made of, its token good for at least kCallerRenewal; made by `make`
  // when it is not known. Errors as `make`. A key of another policy must be another key.
  absl::StatusOr<std::shared_ptr<const KnownCaller>> Find(
      absl::string_view key, absl::FunctionRef<absl::StatusOr<lgsp::auth::v1::Caller>()> make);

 private:
  const keys::SigningKey* const key_;
  const Clock* const clock_;
  absl::flat_hash_map<std::string, std::shared_ptr<const KnownCaller>> callers_;
};

}  // namespace lgsp::gateway
