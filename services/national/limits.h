// The limits of this service, of the national portal, and of the signing system.
#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace lgsp::national {

// Of the portal, by its documents; in characters.
inline constexpr int kMaxSubjectCharacters = 1000;
inline constexpr int kMaxActorCharacters = 50;
// Of the portal, assumed: the largest it names for any text, what a code may have, rows of one
// list.
inline constexpr int kMaxTextCharacters = 4000;
inline constexpr int kMaxCodeCharacters = 100;
inline constexpr int kMaxProgressRows = 1000;

// One call to the portal; none is begun with less time left than the second.
inline constexpr absl::Duration kPortalCallTimeout = absl::Seconds(10);
inline constexpr absl::Duration kMinPortalCallTime = absl::Milliseconds(200);
// Look-ups of one SyncDossier: the first, and one after each answer that shows it was overtaken.
inline constexpr int kMaxRounds = 4;
// Of one SyncDossier, when the portal says that the session has expired.
inline constexpr int kMaxSessionRenewals = 2;
// Accounts are locked by repeated failures: after a refusal none is tried for so long.
inline constexpr absl::Duration kLoginRefusedHold = absl::Seconds(30);
inline constexpr size_t kMaxSessionBytes = 4096;

// Of a request for a signature: SHA-256, the reference, the codes of agency and officer.
inline constexpr size_t kDigestBytes = 32;
inline constexpr size_t kMaxReference = 128;
inline constexpr size_t kMaxSignerCode = 64;
inline constexpr size_t kMaxCmsBytes = 64 << 10;
// One call to the signing system or for one revocation list; none is begun with less time left than
// the second. The last look for a lost answer has to fit in besides.
inline constexpr absl::Duration kSigningCallTimeout = absl::Seconds(8);
inline constexpr absl::Duration kMinSigningCallTime = absl::Milliseconds(200);
// Officers take seconds to minutes.
inline constexpr absl::Duration kPendingRetryDelay = absl::Seconds(5);

// Revocation lists: one message holds them all, so they are limited together too.
inline constexpr int kMaxCrls = 16;
inline constexpr size_t kMaxCrlBytes = 2 << 20;
inline constexpr size_t kMaxCrlBytesTogether = 3 << 20;
// For so long one is not fetched again.
inline constexpr absl::Duration kCrlLifetime = absl::Seconds(60);

// What calls under way get to end after SIGTERM: the time of two calls.
inline constexpr absl::Duration kDrainGrace = absl::Seconds(20);

}  // namespace lgsp::national
