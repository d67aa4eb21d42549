// gateway: the exchange. See README.md.
#include <pthread.h>
#include <sys/resource.h>

#include <csignal>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/gateway/server.h"

ABSL_FLAG(std::string, config, "", "textproto of services/gateway/config.proto");

namespace lgsp::gateway {
namespace {

// Each connection is a descriptor, and the usual limit is 1024.
void RaiseFileLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

absl::Status Serve(const std::string& config_file, const sigset_t& stop_signals,
                   InheritedSockets inherited) {
  GatewayConfig config;
  RETURN_IF_ERROR(config::Load(config_file, &config));
  const SystemClock clock;
  metrics::Registry metrics;
  RETURN_IF_ERROR(metrics.Serve(config.metrics_listen()).status());
  ASSIGN_OR_RETURN(const auto server, Server::Start(config, config::FolderOf(config_file), &metrics,
                                                    &clock, std::move(inherited)));
  log::Info("ready", {{"port", server->port()}, {"h2c_port", server->h2c_port()}});
  int signal = 0;
  sigwait(&stop_signals, &signal);
  log::Info("draining");
  server->Drain();
  return absl::OkStatus();
}

}  // namespace
}  // namespace lgsp::gateway

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  lgsp::log::Init("gateway");
  // Blocked before any thread begins, so that only sigwait takes them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  lgsp::gateway::RaiseFileLimit();
  const absl::Status status =
      lgsp::gateway::Serve(absl::GetFlag(FLAGS_config), stop_signals,
                           lgsp::gateway::InheritedSockets::FromEnvironment());
  if (!status.ok()) {
    lgsp::log::Error("cannot serve", {{"status", status}, {"detail", status.message()}});
    return 1;
  }
  lgsp::log::Info("stopped");
  return 0;
}
