// national: the adapter of the national public service portal and of the agencies' signing system.
// See README.md.
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "libs/clock/clock.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/national/config.pb.h"
#include "services/national/limits.h"
#include "services/national/portal_client.h"
#include "services/national/portal_service.h"
#include "services/national/portal_sync.h"
#include "services/national/signing_client.h"
#include "services/national/signing_service.h"

ABSL_FLAG(std::string, config, "", "textproto of services/national/config.proto");

namespace lgsp::national {
namespace {

absl::Status Serve(const std::string& config_file) {
  NationalConfig config;
  RETURN_IF_ERROR(config::Load(config_file, &config));
  const std::string base = config::FolderOf(config_file);
  const SystemClock clock;
  metrics::Registry metrics;
  RETURN_IF_ERROR(metrics.Serve(config.metrics_listen()).status());

  ASSIGN_OR_RETURN(const auto client, PortalClient::Make(config.portal(), base, &metrics, &clock));
  PortalSync sync(client.get());
  PortalService portal(&sync, config.portal().agency());
  std::unique_ptr<SigningClient> signing_client;
  if (config.has_signing()) {
    ASSIGN_OR_RETURN(signing_client, SigningClient::Make(config.signing(), base, &metrics, &clock));
  }
  SigningService signing(signing_client.get());
  ASSIGN_OR_RETURN(const auto server,
                   rpc::Server::Start(config.rpc(), base,
                                      {{v1::Portal::service_full_name(), &portal},
                                       {v1::Signing::service_full_name(), &signing}},
                                      &metrics, &clock));
  log::Info("ready", {{"port", server->port()}});
  rpc::WaitForSignal();
  server->Drain(kDrainGrace);
  return absl::OkStatus();
}

}  // namespace
}  // namespace lgsp::national

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return lgsp::rpc::RunService("national", absl::GetFlag(FLAGS_config), lgsp::national::Serve);
}
