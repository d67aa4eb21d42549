// Who calls, as the gateway established it (metadata `lgsp-caller`), and which agencies that
// covers.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "libs/clock/clock.h"
#include "libs/keys/jws.h"

namespace lgsp::auth {

// Metadata names (lower case, as HTTP/2 has them).
inline constexpr char kCallerHeader[] = "lgsp-caller";
inline constexpr char kOfficerHeader[] = "lgsp-officer";
inline constexpr char kPurposeHeader[] = "lgsp-purpose";
inline constexpr char kDossierHeader[] = "lgsp-dossier";
// Every name that begins so belongs to the platform.
inline constexpr char kHeaderPrefix[] = "lgsp-";

// How long a `lgsp-caller` is good for, and how far two clocks of the platform may differ.
inline constexpr absl::Duration kCallerLifetime = absl::Seconds(60);
inline constexpr absl::Duration kClockSkew = absl::Seconds(5);

// The JWS for `caller`, dated now. Sets iss, iat and exp.
absl::StatusOr<std::string> SignCaller(lgsp::auth::v1::Caller caller, const keys::SigningKey& key,
                                       const Clock& clock);

// 1 to 64 of A-Z a-z 0-9 - _ . ; roles too.
bool IsOfficerId(absl::string_view text);

// `id; unit; roles` (roles separated by commas) of `lgsp-officer`. id and roles: 1 to 64 of A-Z a-z
// 0-9 - _ . ; at most 8 roles. INVALID_ARGUMENT OFFICER_INVALID.
absl::StatusOr<lgsp::auth::v1::Officer> ParseOfficer(absl::string_view header);

// True when `code` is `pattern` or, for `H12.*`, H12 or beneath it. `*` alone is every agency.
bool AgencyMatches(absl::string_view pattern, absl::string_view code);
// True when one of the caller's agencies covers `code`.
bool ActsFor(const lgsp::auth::v1::Caller& caller, absl::string_view code);

// Verifies `lgsp-caller` for one process; remembers what it has verified until it expires.
// Thread-safe.
class CallerVerifier {
 public:
  CallerVerifier(std::vector<keys::VerifyKey> keys, const Clock* clock);

  // UNAUTHENTICATED CALLER_INVALID (signature, form), CALLER_EXPIRED, CALLER_FOR_OTHER_SERVICE.
  absl::StatusOr<lgsp::auth::v1::Caller> Verify(absl::string_view jws,
                                                absl::string_view service) const;

 private:
  absl::StatusOr<lgsp::auth::v1::Caller> Parse(absl::string_view jws) const;

  const std::vector<keys::VerifyKey> keys_;
  const Clock* const clock_;
  mutable absl::Mutex mutex_;
  mutable absl::flat_hash_map<std::string, lgsp::auth::v1::Caller> verified_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace lgsp::auth
