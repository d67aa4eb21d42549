// insights: counts for those who steer. See README.md.
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "libs/config/config.h"
#include "libs/events/feed_consumer.h"
#include "libs/events/kafka_consumer.h"
#include "libs/events/parked_service.h"
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

constexpr char kTopic[] = "lgsp.dossiers.v1";
// What the processes of this service are to Kafka.
constexpr char kGroup[] = "lgsp.insights";
// How long calls under way may go on after SIGTERM.
constexpr absl::Duration kDrainGrace = absl::Seconds(5);

absl::StatusOr<std::unique_ptr<events::Consumer>> MakeConsumer(const InsightsConfig& config,
                                                               const std::string& base,
                                                               events::ConsumerParts parts) {
  ASSIGN_OR_RETURN(const auto dossiers, rpc::Connect(config.rpc(), base, config.dossiers()));
  if (config.has_kafka()) {
    return std::make_unique<events::KafkaConsumer>(
        std::move(parts), events::KafkaTopic{config.kafka(), base, kTopic}, kGroup,
        [dossiers] { return events::FeedEpoch(dossiers); });
  }
  return std::make_unique<events::FeedConsumer>(std::move(parts), dossiers);
}

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
  InsightsService service(db.get());
  events::ParkedService parked(db.get(), &clock, &metrics, {{kConsumer, CountEvent}});
  ASSIGN_OR_RETURN(const auto server,
                   rpc::Server::Start(config.rpc(), base,
                                      {{v1::Insights::service_full_name(), &service},
                                       {events::v1::Parked::service_full_name(), &parked}},
                                      &metrics, &clock));
  ASSIGN_OR_RETURN(const auto consumer,
                   MakeConsumer(config, base, {kConsumer, db.get(), &clock, &metrics, CountEvent}));
  consumer->Start();
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
