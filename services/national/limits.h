// The limits of this service, and those of the national portal.
#pragma once

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

// What calls under way get to end after SIGTERM: the time of two calls to the portal.
inline constexpr absl::Duration kDrainGrace = absl::Seconds(20);

}  // namespace lgsp::national
