// What signatures on results are verified by: the pinned authorities of the configuration with
// revocation lists as fresh as kRevocationListLifetime.
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

  // When no list can be fetched: with those that are there. FAILED_PRECONDITION CMS_TRUST_INVALID.
  absl::StatusOr<keys::CmsTrust> Get(absl::Time deadline);

 private:
  const keys::CmsTrustMaterial files_;
  const Fetch fetch_;
  const Clock* const clock_;
  absl::Mutex mutex_;
  std::optional<keys::CmsTrust> trust_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> lists_ ABSL_GUARDED_BY(mutex_);
  absl::Time fetched_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace lgsp::dossiers
