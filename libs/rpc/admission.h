// Which calls a server lets in, judged before any handler runs: mTLS name, call rule,
// `lgsp-caller`.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/auth/auth.h"
#include "libs/rpc/calls.pb.h"

namespace lgsp::rpc {

// The service in the identity of a certificate (`spiffe://lgsp.camau/service/dossiers` ->
// `dossiers`); empty for any other name.
std::string ServiceOfIdentity(absl::string_view spiffe_id);

// Immutable, thread-safe.
class Admission {
 public:
  Admission(const CallRules& rules, std::vector<keys::VerifyKey> caller_keys, const Clock* clock);

  // `peer`: the service that calls, empty when its certificate names none. `path`:
  // `/lgsp.x.v1.X/Method`. `caller_jws`: the metadata `lgsp-caller`, empty when there is none; a
  // gateway must send it, except for health checks. PERMISSION_DENIED CALL_NOT_LISTED,
  // UNAUTHENTICATED CALLER_MISSING and those of auth::CallerVerifier.
  absl::Status Check(absl::string_view peer, absl::string_view path,
                     absl::string_view caller_jws) const;

 private:
  absl::flat_hash_set<std::string> allowed_;  // `<caller> <service>/<method or *>`
  auth::CallerVerifier verifier_;
};

}  // namespace lgsp::rpc
