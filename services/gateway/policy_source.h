// The signed policy on disk: read, verified, compared with the last one taken.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
                                           GatewayMetrics* metrics, QuotaTable* quotas = nullptr);

  // The policy on disk. FAILED_PRECONDITION POLICY_UNSIGNED (no pinned key signed it), POLICY_OLDER
  // (than one taken before, also before a restart), POLICY_STATE_INVALID (what was taken before the
  // restart cannot be known), and those of Policy::Compile. A policy that is taken is remembered on
  // disk; when that fails it is in force all the same, for a withdrawal must not wait for a disk.
  absl::StatusOr<std::shared_ptr<const Policy>> Load();

  // Load() when the file has changed since the last look; nullptr when not.
  absl::StatusOr<std::shared_ptr<const Policy>> LoadIfChanged();

 private:
  // (epoch, version) of a policy.
  using Version = std::pair<uint64_t, uint64_t>;

  PolicySource() = default;
  // The version last taken: in this process, or as the disk remembers it; (0, 0) when there is
  // none.
  absl::StatusOr<Version> LastTaken() const;
  void Remember(const Version& version);

  std::string file_, state_file_, seen_;
  Policy::Upstreams upstreams_ = Policy::Upstreams::kNotLocal;
  std::optional<Version> taken_;
  std::vector<keys::VerifyKey> keys_;
  GatewayMetrics* metrics_ = nullptr;
  QuotaTable* quotas_ = nullptr;
};

// What tells that a file has changed: time, size and inode; empty when there is no file.
std::string FileStamp(const std::string& path);

}  // namespace lgsp::gateway
