// insights: counts for those who steer. See README.md.
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "libs/config/config.h"
#include "libs/events/consumer.h"
#include "libs/log/log.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/insights/config.pb.h"
#include "services/insights/dossier_counts.h"
#include "services/insights/insights_service.h"
#include "services/insights/migrations.h"

ABSL_FLAG(std::string, config, "", "textproto of services/insights/config.proto");

namespace lgsp::insights {
namespace {

// How long calls under way may go on after SIGTERM.
constexpr absl::Duration kDrainGrace = absl::Seconds(5);

absl::Status Serve(const std::string& config_file) {
  InsightsConfig config;
  RETURN_IF_ERROR(config::Load(config_file, &config));
  const std::string base = config::FolderOf(config_file);
  const SystemClock clock;
  metrics::Registry metrics;
  RETURN_IF_ERROR(metrics.Serve(config.metrics_listen()).status());
  ASSIGN_OR_RETURN(const auto db,
                   sql::Database::Open(
                       {.url = sql::ResolveUrl(base, config.database_url()), .metrics = &metrics}));
  RETURN_IF_ERROR(db->Migrate(Migrations()));
  ASSIGN_OR_RETURN(const auto dossiers, rpc::Connect(config.rpc(), base, config.dossiers()));
  InsightsService service(db.get());
  ASSIGN_OR_RETURN(
      const auto server,
      rpc::Server::Start(config.rpc(), base, {{v1::Insights::service_full_name(), &service}},
                         &metrics, &clock));
  events::Consumer consumer(kConsumer, dossiers, db.get(), &clock, &metrics, CountEvent);
  consumer.Start();
  log::Info("ready", {{"port", server->port()}});
  rpc::WaitForSignal();
  server->Drain(kDrainGrace);
  return absl::OkStatus();
}

}  // namespace
}  // namespace lgsp::insights

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return lgsp::rpc::RunService("insights", absl::GetFlag(FLAGS_config), lgsp::insights::Serve);
}
