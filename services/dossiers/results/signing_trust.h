// What signatures on results are verified by: the pinned authorities of the configuration with
// revocation lists as fresh as kRevocationListLifetime. Lists come over plain HTTP: of each
// authority the newest that was ever seen counts, until the process ends.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/keys/cms.h"

namespace lgsp::dossiers {

// Thread-safe.
class SigningTrust {
 public:
  using Fetch = std::function<absl::StatusOr<std::vector<std::string>>(absl::Time deadline)>;

  // `files`: paths of PEM or DER files, read at first use and whenever lists are fetched, so that
  // they can be exchanged while the service runs.
  SigningTrust(keys::CmsTrustMaterial files, Fetch fetch, const Clock* clock)
      : files_(std::move(files)), fetch_(std::move(fetch)), clock_(clock) {}

  bool configured() const { return !files_.roots.empty(); }

  // A list that cannot be fetched, or is none: with the one that is there. FAILED_PRECONDITION
  // CMS_TRUST_INVALID.
  absl::StatusOr<keys::CmsTrust> Get(absl::Time deadline);

 private:
  const keys::CmsTrustMaterial files_;
  const Fetch fetch_;
  const Clock* const clock_;
  absl::Mutex mutex_;
  std::optional<keys::CmsTrust> trust_ ABSL_GUARDED_BY(mutex_);
  absl::Time fetched_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace lgsp::dossiers
