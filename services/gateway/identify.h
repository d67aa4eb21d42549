// The first stage of the pipeline: who calls. The connection proves a system by its key; an access
// token proves for whom that system calls.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/gateway/grpc_wire.h"
#include "services/gateway/policy.h"
#include "services/gateway/token_cache.h"

namespace lgsp::gateway {

// What a connection proves of its peer.
struct Peer {
  // Of a listener without TLS: the system that calls; empty: a token must say.
  std::string fixed_system;
  bool tls = true;
  // Of its certificate: SHA-256 of the SubjectPublicKeyInfo, and of the whole.
  std::string spki_sha256;
  std::string certificate_sha256;
  // Tokens that were not to be believed, since the last second: verifying costs more than sending.
  int bad_tokens = 0;
};

// The system that the connection belongs to; nullptr when no system has its key.
const SystemEntry* SystemOf(const Policy& policy, const Peer& peer);

struct Identity {
  const SystemEntry* system = nullptr;  // never nullptr when there is one
  TokenCache::Token token;              // nullptr: none was shown
};

// UNAUTHENTICATED SYSTEM_UNKNOWN, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_BOUND_ELSEWHERE (to another
// certificate or system), RESOURCE_EXHAUSTED TOKENS_REFUSED (`peer` has shown too many bad ones).
absl::StatusOr<Identity> Identify(const Policy& policy, Peer& peer, const Headers& fields,
                                  TokenCache& tokens, absl::Time now);

// Who calls by another policy, of a call that began with `token` (nullptr: none): a token counts
// when a call begins. nullptr when the system, or the issuer of the token, is no longer known.
const SystemEntry* SystemUnder(const Policy& policy, const Peer& peer,
                               const TokenCache::Token& token);

}  // namespace lgsp::gateway
