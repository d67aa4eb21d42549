#include "services/gateway/policy_source.h"

#include <sys/stat.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::gateway {
namespace {

constexpr char kSignaturePrefix[] = "lgsp-policy-v1\n";
constexpr int kMaxPinnedKeys = 2;

absl::Status Refused(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message);
}

}  // namespace

std::string FileStamp(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return "";
  return absl::StrCat(info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, " ", info.st_size, " ",
                      info.st_ino);
}

absl::StatusOr<PolicySource> PolicySource::Make(const GatewayConfig& config, absl::string_view base,
                                                GatewayMetrics* metrics, QuotaTable* quotas) {
  PolicySource source;
  source.file_ = config::Resolve(base, config.policy_file());
  source.state_file_ = config::Resolve(base, config.policy_state_file());
  source.upstreams_ = config.profile() == GatewayConfig::DEVELOPMENT ? Policy::Upstreams::kAnywhere
                                                                     : Policy::Upstreams::kNotLocal;
  source.metrics_ = metrics;
  source.quotas_ = quotas;
  if (config.policy_key_files().empty() || config.policy_key_files_size() > kMaxPinnedKeys) {
    return Refused("POLICY_KEYS_INVALID", "one or two policy_key_files must be pinned");
  }
  for (const std::string& file : config.policy_key_files()) {
    ASSIGN_OR_RETURN(const std::string pem, config::ReadFile(config::Resolve(base, file)));
    ASSIGN_OR_RETURN(keys::VerifyKey key, keys::VerifyKey::FromPem(pem));
    source.keys_.push_back(std::move(key));
  }
  return source;
}

absl::StatusOr<PolicySource::Version> PolicySource::LastTaken() const {
  if (taken_.has_value()) return *taken_;
  const auto state = config::ReadFile(state_file_);
  if (absl::IsNotFound(state.status())) return Version(0, 0);
  RETURN_IF_ERROR(state.status());
  const std::vector<absl::string_view> words = absl::StrSplit(absl::StripSuffix(*state, "\n"), ' ');
  Version version;
  if (words.size() != 2 || !absl::SimpleAtoi(words[0], &version.first) ||
      !absl::SimpleAtoi(words[1], &version.second)) {
    return Refused("POLICY_STATE_INVALID", "policy_state_file is not `<epoch> <version>`");
  }
  return version;
}

void PolicySource::Remember(const Version& version) {
  taken_ = version;
  const absl::Status written =
      config::WriteFile(state_file_, absl::StrCat(version.first, " ", version.second, "\n"));
  if (!written.ok()) {
    log::Error("policy in force, but not remembered for the next start", {{"status", written}});
  }
  metrics_->policy_unremembered.Set(written.ok() ? 0 : 1);
  metrics_->policy_epoch.Set(static_cast<double>(version.first));
  metrics_->policy_version.Set(static_cast<double>(version.second));
}

absl::StatusOr<std::shared_ptr<const Policy>> PolicySource::Load() {
  seen_ = FileStamp(file_);
  ASSIGN_OR_RETURN(const std::string bytes, config::ReadFile(file_));
  lgsp::registry::v1::SignedSnapshot sealed;
  lgsp::registry::v1::PolicySnapshot snapshot;
  bool verified = false;
  if (sealed.ParseFromString(bytes)) {
    for (const keys::VerifyKey& key : keys_) {
      verified = verified || (key.id() == sealed.key_id() &&
                              key.Verify(absl::StrCat(kSignaturePrefix, sealed.snapshot()),
                                         sealed.signature()));
    }
  }
  if (!verified || !snapshot.ParseFromString(sealed.snapshot())) {
    return Refused("POLICY_UNSIGNED", "the policy is not signed by a pinned key");
  }
  const Version version(snapshot.epoch(), snapshot.version());
  ASSIGN_OR_RETURN(const Version last, LastTaken());
  if (version < last) {
    return Refused("POLICY_OLDER",
                   absl::StrCat("policy ", version.first, ".", version.second, " is older than ",
                                last.first, ".", last.second, ", which was in force"));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const Policy> policy,
                   Policy::Compile(snapshot, upstreams_, metrics_, quotas_));
  Remember(version);
  return policy;
}

absl::StatusOr<std::shared_ptr<const Policy>> PolicySource::LoadIfChanged() {
  const std::string stamp = FileStamp(file_);
  if (stamp == seen_ || stamp.empty()) return nullptr;
  auto policy = Load();
  if (!policy.ok()) metrics_->policy_refused.Add();
  return policy;
}

}  // namespace lgsp::gateway
