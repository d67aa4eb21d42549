// Access tokens that one worker has verified: a signature costs a tenth of a millisecond, and most
// calls repeat the token of another.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/access_token.pb.h"
#include "services/gateway/policy.h"

namespace lgsp::gateway {

// Used by one thread.
class TokenCache {
 public:
  struct Verified {
    lgsp::auth::v1::AccessToken claims;
    // SHA-256 of the token: its name here.
    std::string digest;
  };
  using Token = std::shared_ptr<const Verified>;

  // nullptr when it is not known here, or no longer good.
  Token Find(const Policy& policy, absl::string_view digest, absl::Time now);
  // Errors as VerifyAccessToken.
  absl::StatusOr<Token> Verify(const Policy& policy, absl::string_view jws,
                               absl::string_view digest, absl::Time now);

 private:
  absl::flat_hash_map<std::string, Token> tokens_;  // by SHA-256
  // Those by whose keys they were verified; with others in force all are forgotten.
  std::string issuers_;
};

}  // namespace lgsp::gateway
