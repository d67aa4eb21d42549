// The evidence log of this gateway: opened, with the calls closed that were under way when the last
// process ended.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/clock/clock.h"
#include "libs/evidence/log.h"
#include "libs/metrics/metrics.h"
#include "services/gateway/config.pb.h"

namespace lgsp::gateway {

// Paths are beneath `base`. nullptr: none is configured, which only profile DEVELOPMENT may.
// FAILED_PRECONDITION EVIDENCE_NOT_CONFIGURED; those of evidence::Log::Open; DATA_LOSS
// EVIDENCE_RECORD_INVALID (an entry is no Record).
absl::StatusOr<std::unique_ptr<evidence::Log>> OpenEvidenceLog(const GatewayConfig& config,
                                                               absl::string_view base,
                                                               metrics::Registry* metrics,
                                                               const Clock& clock);

// Whether its disk has kEvidenceReserve left. True when that cannot be found out.
bool HasEvidenceRoom(const std::string& directory);

}  // namespace lgsp::gateway
