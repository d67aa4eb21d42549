// The signed policy on disk: read, verified, compared with the last one taken.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/keys/jws.h"
#include "services/gateway/config.pb.h"
#include "services/gateway/gateway_metrics.h"
#include "services/gateway/policy.h"

namespace lgsp::gateway {

// Used by one thread.
class PolicySource {
 public:
  // At most two pinned keys. FAILED_PRECONDITION POLICY_KEYS_INVALID.
  static absl::StatusOr<PolicySource> Make(const GatewayConfig& config, absl::string_view base,
                                           GatewayMetrics* metrics);

  // The policy on disk. FAILED_PRECONDITION POLICY_UNSIGNED (no pinned key signed it), POLICY_OLDER
  // (than one taken before, also before a restart), and those of Policy::Compile. A policy that is
  // taken is remembered on disk.
  absl::StatusOr<std::shared_ptr<const Policy>> Load();

  // Load() when the file has changed since the last look; nullptr when not.
  absl::StatusOr<std::shared_ptr<const Policy>> LoadIfChanged();

 private:
  PolicySource() = default;
  absl::Status CheckNotOlder(const lgsp::registry::v1::PolicySnapshot& snapshot) const;

  std::string file_, state_file_, seen_;
  std::vector<keys::VerifyKey> keys_;
  GatewayMetrics* metrics_ = nullptr;
};

// What tells that a file has changed: time, size and inode; empty when there is no file.
std::string FileStamp(const std::string& path);

}  // namespace lgsp::gateway
