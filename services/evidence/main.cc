// evidence: mirrors the gateways' logs, proves calls, answers auditors. See README.md.
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "libs/config/config.h"
#include "libs/durable/periodic_job.h"
#include "libs/log/log.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/evidence/config.pb.h"
#include "services/evidence/evidence_service.h"
#include "services/evidence/follower.h"
#include "services/evidence/limits.h"
#include "services/evidence/log_files_service.h"
#include "services/evidence/migrations.h"
#include "services/evidence/opening.h"

ABSL_FLAG(std::string, config, "", "textproto of services/evidence/config.proto");

namespace lgsp::evidence {
namespace {

using Jobs = std::vector<std::unique_ptr<durable::PeriodicJob>>;

absl::Status Serve(const std::string& config_file) {
  EvidenceConfig config;
  RETURN_IF_ERROR(config::Load(config_file, &config));
  const std::string base = config::FolderOf(config_file);
  const SystemClock clock;
  metrics::Registry metrics;
  RETURN_IF_ERROR(metrics.Serve(config.metrics_listen()).status());
  ASSIGN_OR_RETURN(const absl::Duration retention, RetentionOf(config));
  ASSIGN_OR_RETURN(const auto audit, OpenAudit(config, base, &metrics));
  ASSIGN_OR_RETURN(const auto db,
                   sql::Database::Open(
                       {.url = sql::ResolveUrl(base, config.database_url()), .metrics = &metrics}));
  RETURN_IF_ERROR(db->Migrate(Migrations()));
  ASSIGN_OR_RETURN(const auto person_keys, OpenPersonKeys(config, base, &clock));
  ASSIGN_OR_RETURN(const auto providers, OpenProviders(config, base));
  ASSIGN_OR_RETURN(const Mirrors mirrors, OpenMirrors(config, base, &metrics, &clock));
  ExchangeIndex index(db.get(), person_keys.get(), &metrics);
  Jobs jobs;
  for (const auto& mirror : mirrors) {
    const auto follower = std::make_shared<Follower>(mirror.get(), &index, retention, &clock);
    jobs.push_back(std::make_unique<durable::PeriodicJob>(
        absl::StrCat("mirror of ", mirror->origin()), kPollInterval, &metrics,
        [follower] { return follower->Turn(); }));
  }
  jobs.push_back(std::make_unique<durable::PeriodicJob>(
      "policy", kPolicyInterval, &metrics, [&providers] { return providers->Refresh(); }));
  jobs.push_back(std::make_unique<durable::PeriodicJob>(
      "retention", kRetentionInterval, &metrics,
      [&] { return ForgetIndexed(retention, clock, index, *person_keys); }));
  EvidenceService service(
      {&mirrors, &index, person_keys.get(), providers.get(), audit.get(), &clock});
  LogFilesService files(&mirrors);
  ASSIGN_OR_RETURN(const auto server,
                   rpc::Server::Start(config.rpc(), base,
                                      {{v1::Evidence::service_full_name(), &service},
                                       {v1::LogFiles::service_full_name(), &files}},
                                      &metrics, &clock));
  log::Info("ready", {{"port", server->port()}});
  rpc::WaitForSignal();
  server->Drain(kDrainGrace);
  return absl::OkStatus();
}

}  // namespace
}  // namespace lgsp::evidence

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return lgsp::rpc::RunService("evidence", absl::GetFlag(FLAGS_config), lgsp::evidence::Serve);
}
