#include "services/evidence/opening.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/keys/jws.h"
#include "libs/rpc/channel.h"
#include "libs/status/status.h"
#include "services/evidence/errors.h"
#include "services/evidence/log_files_client.h"

namespace lgsp::evidence {
namespace {

absl::StatusOr<keys::VerifyKey> ReadKey(absl::string_view base, absl::string_view file) {
  ASSIGN_OR_RETURN(const std::string pem, config::ReadFile(config::Resolve(base, file)));
  return keys::VerifyKey::FromPem(pem);
}

absl::StatusOr<std::unique_ptr<LogSource>> MakeSource(const EvidenceConfig& config,
                                                      const LogConfig& log,
                                                      absl::string_view base) {
  if (log.source_case() == LogConfig::kDirectory) {
    return std::make_unique<FolderSource>(config::Resolve(base, log.directory()));
  }
  if (log.source_case() == LogConfig::kPeer) {
    ASSIGN_OR_RETURN(auto channel, rpc::Connect(config.rpc(), base, log.peer()));
    return std::make_unique<PeerSource>(log.origin(), std::move(channel));
  }
  return ConfigInvalid("logs.source", "must be a directory or a peer");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Log>> OpenAudit(const EvidenceConfig& config, absl::string_view base,
                                               metrics::Registry* metrics) {
  ASSIGN_OR_RETURN(const std::string pem,
                   config::ReadSecret(config::Resolve(base, config.audit_key_file())));
  ASSIGN_OR_RETURN(keys::SigningKey key, keys::SigningKey::FromPem(pem));
  return Log::Open({.directory = absl::StrCat(config::Resolve(base, config.directory()), "/audit"),
                    .origin = config.audit_origin(),
                    .key = std::move(key),
                    .metrics = metrics});
}

absl::StatusOr<Mirrors> OpenMirrors(const EvidenceConfig& config, absl::string_view base,
                                    metrics::Registry* metrics, const Clock* clock) {
  if (config.directory().empty()) return ConfigInvalid("directory", "must be given");
  Mirrors mirrors;
  for (const LogConfig& log : config.logs()) {
    if (FindMirror(mirrors, log.origin()) != nullptr) {
      return ConfigInvalid("logs.origin", absl::StrCat(log.origin(), " is there twice"));
    }
    ASSIGN_OR_RETURN(const keys::VerifyKey verifier, ReadKey(base, log.key_file()));
    ASSIGN_OR_RETURN(const NoteKey key, NoteKey::Of(log.origin(), verifier));
    ASSIGN_OR_RETURN(auto source, MakeSource(config, log, base));
    ASSIGN_OR_RETURN(auto mirror,
                     Mirror::Open(key, {.directory = config::Resolve(base, config.directory()),
                                        .source = std::move(source),
                                        .metrics = metrics,
                                        .clock = clock}));
    mirrors.push_back(std::move(mirror));
  }
  return mirrors;
}

absl::StatusOr<std::unique_ptr<Providers>> OpenProviders(const EvidenceConfig& config,
                                                         absl::string_view base) {
  std::vector<keys::VerifyKey> keys;
  for (const std::string& file : config.policy_key_files()) {
    ASSIGN_OR_RETURN(keys::VerifyKey key, ReadKey(base, file));
    keys.push_back(std::move(key));
  }
  auto providers =
      std::make_unique<Providers>(config::Resolve(base, config.policy_file()), std::move(keys));
  RETURN_IF_ERROR(providers->Refresh());
  return providers;
}

absl::StatusOr<std::unique_ptr<PersonKeys>> OpenPersonKeys(const EvidenceConfig& config,
                                                           absl::string_view base,
                                                           const Clock* clock) {
  return PersonKeys::Open(absl::StrCat(config::Resolve(base, config.directory()), "/person_keys"),
                          clock);
}

absl::StatusOr<absl::Duration> RetentionOf(const EvidenceConfig& config) {
  if (config.retention_days() < 0) return ConfigInvalid("retention_days", "must not be negative");
  if (config.retention_days() == 0) return absl::InfiniteDuration();
  return config.retention_days() * absl::Hours(24);
}

}  // namespace lgsp::evidence
