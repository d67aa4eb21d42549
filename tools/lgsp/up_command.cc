#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "libs/clock/clock.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/sql/postgres_server.h"
#include "libs/status/status.h"
#include "nlohmann/json.hpp"
#include "tools/lgsp/certificates.h"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/databases.h"
#include "tools/lgsp/folder_lock.h"
#include "tools/lgsp/installation.h"
#include "tools/lgsp/listening_sockets.h"
#include "tools/lgsp/output.h"
#include "tools/lgsp/readiness.h"
#include "tools/lgsp/run_state.h"
#include "tools/lgsp/service_config.h"
#include "tools/lgsp/supervisor.h"

namespace lgsp::cli {
namespace {

// The children of an `lgsp up` that was killed hold their ports until the kernel has ended them.
constexpr int kPortAttempts = 40;
constexpr absl::Duration kPortInterval = absl::Milliseconds(50);

constexpr char kPython[] = "/usr/bin/python3";

struct UpOptions {
  std::string folder;
  double faults = 0;
  std::optional<int64_t> seed;
  // Brokers; empty: events by the feed.
  std::string kafka;
  // A server; empty: databases as configured.
  std::string postgres;
};

bool IsEventService(const std::string& name) {
  return std::find(std::begin(kEventServices), std::end(kEventServices), name) !=
         std::end(kEventServices);
}

// Service -> its configuration for this run, of those that `options` change. What the owner wrote
// stays as it is.
absl::StatusOr<std::map<std::string, std::string>> RunConfigs(const DataFolder& folder,
                                                              const Installation& installation,
                                                              const UpOptions& options) {
  std::map<std::string, std::string> changed;
  for (const Process& process : folder.platform().processes()) {
    const std::string& name = process.name();
    if (IsSimulator(name)) continue;
    ASSIGN_OR_RETURN(const std::string before, config::ReadFile(folder.Config(name)));
    std::string text = before;
    if (!options.postgres.empty() && !DatabaseUrlIn(text).empty()) {
      ASSIGN_OR_RETURN(const std::string url,
                       sql::UrlOfDatabase(options.postgres, DatabaseName(name)));
      ASSIGN_OR_RETURN(text, WithDatabase(text, url));
    }
    if (!options.kafka.empty() && IsEventService(name)) {
      ASSIGN_OR_RETURN(text, WithKafka(text, options.kafka, installation));
    }
    if (text != before) changed[name] = text;
  }
  return changed;
}

// Whether a server could bind to `address` as ours do.
bool IsFree(const std::string& address) {
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(PortOf(address)));
  if (inet_pton(AF_INET, address.substr(0, address.rfind(':')).c_str(), &at.sin_addr) != 1)
    return true;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int reuse = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0;
  close(fd);
  return free;
}

absl::Status ArePortsFree(const DataFolder& folder) {
  for (const Process& process : folder.platform().processes()) {
    for (const std::string& address : {process.address(), process.metrics_address()}) {
      if (address.empty() || IsFree(address)) continue;
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "PORT_IN_USE",
          absl::StrCat(address, " of ", process.name(), " is taken by another program"),
          {{"process", process.name()}, {"address", address}});
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPorts(const DataFolder& folder) {
  absl::Status free = ArePortsFree(folder);
  for (int attempt = 1; !free.ok() && attempt < kPortAttempts; ++attempt) {
    absl::SleepFor(kPortInterval);
    free = ArePortsFree(folder);
  }
  return free;
}

// A folder made without --demo waits for what only its owner has.
absl::Status CheckPortal(const DataFolder& folder) {
  if (std::filesystem::exists(folder.PortalCredentials())) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "PORTAL_NOT_CONFIGURED",
                   absl::StrCat(folder.PortalCredentials(),
                                " is missing: put the portal's username and "
                                "password there (mode 0600) and its address into ",
                                folder.Config("national")));
}

std::vector<std::string> SimulatorLine(const DataFolder& folder, const Installation& installation,
                                       const Process& process) {
  if (process.name() == kSigningSimulator) {
    return {kPython,   installation.SigningSimulator(), "--listen",   process.address(),
            "--state", folder.SigningSimulatorData(),   "--agencies", installation.AgenciesFile(),
            "--enrol"};
  }
  return {kPython,         installation.NationalSimulator(),
          "--listen",      process.address(),
          "--cert",        folder.ServiceCertificate(kNationalSimulator),
          "--key",         folder.ServiceKey(kNationalSimulator),
          "--data",        folder.SimulatorData(),
          "--credentials", folder.PortalCredentials()};
}

std::vector<std::string> CommandLine(const DataFolder& folder, const Installation& installation,
                                     const Process& process, const std::string& config,
                                     const UpOptions& options) {
  if (!IsSimulator(process.name())) {
    return {installation.Program(process.name()), absl::StrCat("--config=", config)};
  }
  std::vector<std::string> line = SimulatorLine(folder, installation, process);
  line.push_back("--faults");
  line.push_back(absl::StrCat(options.faults));
  if (options.seed.has_value()) {
    line.push_back("--seed");
    line.push_back(absl::StrCat(*options.seed));
  }
  return line;
}

// Prints and records what happens.
class Reporter {
 public:
  Reporter(const DataFolder& folder, bool json) : folder_(folder), json_(json) {}

  void Changed(const std::vector<ProcessStatus>& processes, size_t index) {
    const absl::Status written =
        WriteRunState(folder_.StateFile(), MakeRunState(start_, processes));
    if (!written.ok()) log::Warning("state not written", {{"error", written}});
    const ProcessStatus& process = processes[index];
    const std::string state(StateName(process.state));
    if (json_) {
      std::cout << nlohmann::json{{"event", "process"},
                                  {"process", process.name},
                                  {"state", state},
                                  {"pid", process.pid},
                                  {"restarts", process.restarts},
                                  {"ready_seconds", absl::ToDoubleSeconds(process.time_to_ready)}}
                << std::endl;
    } else if (process.state == ProcessState::kReady) {
      std::cout << absl::StreamFormat("%-14s ready  pid %-8d %.2f s\n", process.name, process.pid,
                                      absl::ToDoubleSeconds(process.time_to_ready))
                << std::flush;
    } else if (process.state != ProcessState::kStarting) {
      std::cout << absl::StreamFormat("%-14s %s\n", process.name, state) << std::flush;
    }
  }

  void AllReady(absl::Duration took) {
    const auto gateway = folder_.FindProcess("gateway");
    const std::string address = gateway.ok() ? gateway->address() : "";
    const double seconds = absl::ToDoubleSeconds(took);
    if (json_) {
      std::cout << nlohmann::json{{"event", "ready"}, {"gateway", address}, {"seconds", seconds}}
                << std::endl;
    } else {
      std::cout << absl::StreamFormat("ready: gateway %s after %.2f s; Ctrl-C stops\n", address,
                                      seconds)
                << std::flush;
    }
  }

 private:
  const DataFolder& folder_;
  const bool json_;
  const absl::Time start_ = absl::Now();
};

absl::Status Renew(const DataFolder& folder) {
  const Renewals done = RenewServiceCertificates(folder, SystemClock().SecurityNow());
  if (!done.renewed.empty()) {
    log::Info("certificates renewed", {{"services", absl::StrJoin(done.renewed, " ")}});
  }
  return done.status;
}

// None when its owner has given the gateway another address to listen at.
absl::StatusOr<ListeningSockets> SocketsOf(const Process& gateway, const std::string& config) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadFile(config));
  const bool its_own =
      absl::StrContains(text, absl::StrCat("\nlisten: \"", gateway.address(), "\""));
  if (!its_own) return ListeningSockets();
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return ListeningSockets::At(gateway.address(), cores);
}

absl::Status Up(const UpOptions& options, const Session& session) {
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(options.folder));
  ASSIGN_OR_RETURN(const Installation installation, FindInstallation(session.source_root));
  ASSIGN_OR_RETURN(const FolderLock lock, FolderLock::Take(folder.LockFile(), "lgsp up"));
  RETURN_IF_ERROR(CheckPortal(folder));
  RETURN_IF_ERROR(CheckPorts(folder));
  RETURN_IF_ERROR(Renew(folder));
  ASSIGN_OR_RETURN(const auto run_configs, RunConfigs(folder, installation, options));
  RETURN_IF_ERROR(PrepareDatabases(folder, options.postgres));

  std::vector<ProcessSpec> specs;
  ListeningSockets gateway_sockets;
  for (const Process& process : folder.platform().processes()) {
    std::string config = folder.Config(process.name());
    if (const auto changed = run_configs.find(process.name()); changed != run_configs.end()) {
      config = folder.RunConfig(process.name());
      RETURN_IF_ERROR(config::WriteFile(config, changed->second));
    }
    specs.push_back({process.name(),
                     CommandLine(folder, installation, process, config, options),
                     folder.Log(process.name()),
                     [&folder, process] { return IsReady(folder, process); },
                     {}});
    if (process.name() != "gateway") continue;
    // Ours for as long as we run: between a gateway that ends and the next, connections wait.
    ASSIGN_OR_RETURN(gateway_sockets, SocketsOf(process, config));
    specs.back().sockets = gateway_sockets.get();
  }
  Reporter reporter(folder, session.json);
  SupervisorEvents events;
  events.changed = [&](const auto& processes, size_t index) { reporter.Changed(processes, index); };
  events.all_ready = [&](absl::Duration took) { reporter.AllReady(took); };
  events.chores = [&folder] {
    const absl::Status done = Renew(folder);
    // Ten days are left to try again.
    if (!done.ok()) log::Error("certificates not renewed", {{"error", done}});
  };
  Supervisor supervisor(std::move(specs), std::move(events));
  return supervisor.Run();
}

}  // namespace

void AddUp(CLI::App& app, Session& session) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command = app.add_subcommand("up", "run the platform of a data folder until Ctrl-C");
  command->add_option("DIR", options->folder, "data folder")->required();
  command->add_option("--faults", options->faults, "percentage of simulated faults (demo folders)")
      ->check(CLI::Range(0.0, 100.0));
  command->add_option("--seed", options->seed, "of the simulated faults, to see the same again");
  command->add_option("--kafka", options->kafka,
                      "brokers (host:port,host:port): events by Kafka instead of the feed");
  command->add_option("--postgres", options->postgres,
                      "server (postgresql://user@host:port/?passfile=/path): databases there");
  command->footer(
      "Example:\n  lgsp up ~/lgsp --faults 5 --seed 7\n\n"
      "Starts every process, says when each is ready, restarts what dies, renews certificates.\n"
      "Logs are in DIR/logs. SIGTERM or Ctrl-C stops all in reverse order (exit 0), a second one "
      "at\n"
      "once. A process that dies again and again stops all (exit 1).\n"
      "With --postgres each service has a database of its own on the server, made if missing; "
      "every\n"
      "later run of the folder names the same server.");
  command->callback([options, &session] {
    log::Init("lgsp");
    const absl::Status done = Up(*options, session);
    if (!done.ok()) session.exit_code = ReportError(done);
  });
}

}  // namespace lgsp::cli
