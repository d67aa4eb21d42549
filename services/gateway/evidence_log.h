// The evidence log of this gateway: opened, with the calls closed that were under way when the last
// process ended.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/evidence/log.h"
#include "libs/metrics/metrics.h"
#include "services/gateway/config.pb.h"

namespace lgsp::gateway {

// Paths are beneath `base`. nullptr: none is configured, which only profile DEVELOPMENT may.
// FAILED_PRECONDITION EVIDENCE_NOT_CONFIGURED; those of evidence::Log::Open.
absl::StatusOr<std::unique_ptr<evidence::Log>> OpenEvidenceLog(const GatewayConfig& config,
                                                               absl::string_view base,
                                                               metrics::Registry* metrics,
                                                               const Clock& clock);

// Deletes the content of what was recorded before `before`, by whole bundles of 256. Returns how
// many of the first records are gone by now. Errors as evidence::Reader and evidence::Log::Forget.
absl::StatusOr<uint64_t> ForgetEvidence(evidence::Log& log, const std::string& directory,
                                        absl::Time before);

// Whether its disk has kEvidenceReserve left. True when that cannot be found out.
bool HasEvidenceRoom(const std::string& directory);

}  // namespace lgsp::gateway
