#include "services/dossiers/results/result_keeping.h"

#include "libs/config/config.h"

namespace lgsp::dossiers {
namespace {

keys::CmsTrustMaterial TrustFiles(const ResultsConfig& config, absl::string_view base) {
  keys::CmsTrustMaterial files;
  for (const std::string& file : config.root_files()) {
    files.roots.push_back(config::Resolve(base, file));
  }
  for (const std::string& file : config.intermediate_files()) {
    files.intermediates.push_back(config::Resolve(base, file));
  }
  return files;
}

}  // namespace

ResultKeeping::ResultKeeping(const ResultsConfig& config, absl::string_view base,
                             const PartCommands* commands, metrics::Registry* metrics,
                             SigningClient client)
    : client_(std::move(client)),
      trust_(
          TrustFiles(config, base),
          [this](absl::Time deadline) { return client_.GetRevocationLists(deadline); },
          commands->parts().clock),
      signing_(
          commands, &trust_,
          [this](const lgsp::national::v1::SignDigestRequest& request, const std::string& dossier,
                 absl::Time deadline) { return client_.SignDigest(request, dossier, deadline); }),
      worker_(MakeSigningWorker(&signing_, commands->parts(), metrics)),
      service_(commands, trust_.configured(), [this] { worker_->Wake(); }) {}

}  // namespace lgsp::dossiers
