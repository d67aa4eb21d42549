// One log, followed: its mirror, the index made from it, and the end of its retention.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/evidence/exchange_index.h"
#include "services/evidence/mirror.h"

namespace lgsp::evidence {

class Follower {
 public:
  // All outlive it. `retention`: infinite for ever.
  Follower(Mirror* mirror, ExchangeIndex* index, absl::Duration retention, const Clock* clock)
      : mirror_(mirror), index_(index), retention_(retention), clock_(clock) {}

  // Done again and again, by one thread. What the mirror finds it has told itself; the index goes
  // on with what is mirrored.
  absl::Status Turn();

 private:
  Mirror* const mirror_;
  ExchangeIndex* const index_;
  const absl::Duration retention_;
  const Clock* const clock_;
  absl::Time next_forget_ = absl::InfinitePast();
};

// Ends what the index and the keys of persons tell of before the retention. Never when it is
// infinite.
absl::Status ForgetIndexed(absl::Duration retention, const Clock& clock, ExchangeIndex& index,
                           PersonKeys& person_keys);

}  // namespace lgsp::evidence
