// What the configuration names, opened.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/evidence/log.h"
#include "libs/metrics/metrics.h"
#include "services/evidence/config.pb.h"
#include "services/evidence/mirror.h"
#include "services/evidence/person_keys.h"
#include "services/evidence/providers.h"

namespace lgsp::evidence {

// Paths are beneath `base`. Errors of all: INVALID_ARGUMENT CONFIG_INVALID, and those of
// config::ReadFile and of the keys.

// The log of auditors' questions, in `<directory>/audit`. Its lock keeps a second process out of
// the directory. Those of Log::Open.
absl::StatusOr<std::unique_ptr<Log>> OpenAudit(const EvidenceConfig& config, absl::string_view base,
                                               metrics::Registry* metrics);

// Those of Mirror::Open.
absl::StatusOr<Mirrors> OpenMirrors(const EvidenceConfig& config, absl::string_view base,
                                    metrics::Registry* metrics, const Clock* clock);

// Read once. Those of Providers::Refresh.
absl::StatusOr<std::unique_ptr<Providers>> OpenProviders(const EvidenceConfig& config,
                                                         absl::string_view base);

// Those of PersonKeys::Open.
absl::StatusOr<std::unique_ptr<PersonKeys>> OpenPersonKeys(const EvidenceConfig& config,
                                                           absl::string_view base,
                                                           const Clock* clock);

// Infinite: for ever.
absl::StatusOr<absl::Duration> RetentionOf(const EvidenceConfig& config);

}  // namespace lgsp::evidence
