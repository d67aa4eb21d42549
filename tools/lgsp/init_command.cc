#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "nlohmann/json.hpp"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/folder_maker.h"
#include "tools/lgsp/installation.h"
#include "tools/lgsp/output.h"

namespace lgsp::cli {
namespace {

struct InitOptions {
  std::string folder;
  bool demo = false;
  // Not given: DEVELOPMENT.
  std::optional<Platform::Profile> profile;
  // Not given: kDefaultBasePort.
  std::optional<int> base_port;
};

// What was asked must be what is there: nothing of a folder is ever made over.
absl::Status MustMatch(const DataFolder& folder, const InitOptions& options) {
  std::string difference;
  if (options.demo && !folder.demo()) difference = "without --demo";
  if (options.profile.value_or(folder.platform().profile()) != folder.platform().profile()) {
    difference = "with another --profile";
  }
  if (options.base_port.has_value()) {
    const Platform asked =
        MakePlatform({folder.demo(), *options.base_port, folder.platform().profile()});
    if (asked.processes(0).address() != folder.platform().processes(0).address()) {
      difference = "with another --base-port";
    }
  }
  if (difference.empty()) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "DATA_FOLDER_DIFFERS",
      absl::StrCat(options.folder, " was made ", difference, ": choose another folder"));
}

void Print(const DataFolder& folder, bool made, const Session& session) {
  if (session.json) {
    std::cout << nlohmann::json{{"folder", folder.root()}, {"made", made}, {"demo", folder.demo()}}
              << std::endl;
    return;
  }
  if (!made) {
    std::cout << folder.root() << ": already made, nothing changed" << std::endl;
    return;
  }
  std::cout << folder.root() << ": made, keys and certificates included; it is private to you\n";
  for (const Process& process : folder.platform().processes()) {
    std::cout << "  " << process.name() << " " << process.address() << "\n";
  }
  if (!folder.demo()) {
    std::cout << "fill in " << folder.Config("national") << " and " << folder.PortalCredentials()
              << ", then\n";
  }
  if (folder.platform().profile() == Platform::PRODUCTION) {
    std::cout << "write addresses that are not on loopback into " << folder.PlatformFile()
              << " and " << folder.Path("config") << ", then: lgsp registry compile "
              << folder.root() << "\n";
  }
  std::cout << "next: lgsp up " << folder.root() << std::endl;
}

absl::Status Init(const InitOptions& options, const Session& session) {
  auto existing = DataFolder::Open(options.folder);
  if (existing.ok()) {
    RETURN_IF_ERROR(MustMatch(*existing, options));
    Print(*existing, /*made=*/false, session);
    return absl::OkStatus();
  }
  if (!absl::IsNotFound(existing.status())) return existing.status();
  if (options.demo && options.profile == Platform::PRODUCTION) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROFILE_NOT_DEMO",
                     "--demo runs on loopback and needs --profile development");
  }
  ASSIGN_OR_RETURN(const Installation installation, FindInstallation(session.source_root));
  ASSIGN_OR_RETURN(const DataFolder folder,
                   MakeDataFolder(options.folder,
                                  {options.demo, options.base_port.value_or(kDefaultBasePort),
                                   options.profile.value_or(Platform::DEVELOPMENT)},
                                  installation, SystemClock().SecurityNow()));
  Print(folder, /*made=*/true, session);
  return absl::OkStatus();
}

}  // namespace

void AddInit(CLI::App& app, Session& session) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command =
      app.add_subcommand("init", "make a data folder: keys, certificates, configuration");
  command->add_option("DIR", options->folder, "where; not there yet, or empty")->required();
  command->add_flag("--demo", options->demo,
                    "with demo systems and the simulator of the national systems");
  command
      ->add_option("--base-port", options->base_port,
                   absl::StrCat("first of ", kPortSpan, " ports"))
      ->check(CLI::Range(kMinPort, kMaxPort - kPortSpan + 1));
  command
      ->add_option(
          "--profile", options->profile,
          "development (default): the gateway takes services on loopback, as in the folder "
          "made; production: it refuses them")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Platform::Profile>{
          {"development", Platform::DEVELOPMENT}, {"production", Platform::PRODUCTION}}));
  command->footer(
      "Example:\n  lgsp init ~/lgsp --demo && lgsp up ~/lgsp\n\n"
      "A folder that is made already is left as it is (exit 0). One of --profile production\n"
      "needs other addresses than those of init, in platform.textproto and config/, then\n"
      "`lgsp registry compile`.");
  command->callback([options, &session] {
    const absl::Status done = Init(*options, session);
    if (!done.ok()) session.exit_code = ReportError(done);
  });
}

}  // namespace lgsp::cli
