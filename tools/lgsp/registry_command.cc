#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "nlohmann/json.hpp"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/installation.h"
#include "tools/lgsp/output.h"
#include "tools/lgsp/policy_compiler.h"

namespace lgsp::cli {
namespace {

struct CompileOptions {
  std::string folder;
  std::string catalog;
};

void Print(const CompiledPolicy& policy, const Session& session) {
  if (session.json) {
    std::cout << nlohmann::json{{"version", policy.version},
                                {"written", policy.written},
                                {"added", policy.diff.added},
                                {"removed", policy.diff.removed},
                                {"changed", policy.diff.changed}}
              << std::endl;
    return;
  }
  for (const auto& name : policy.diff.added) std::cout << "+ " << name << "\n";
  for (const auto& name : policy.diff.removed) std::cout << "- " << name << "\n";
  for (const auto& name : policy.diff.changed) std::cout << "~ " << name << "\n";
  std::cout << "policy version " << policy.version << (policy.written ? "" : ": unchanged")
            << std::endl;
}

absl::Status Compile(const CompileOptions& options, const Session& session) {
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(options.folder));
  ASSIGN_OR_RETURN(const Installation installation, FindInstallation(session.source_root));
  const std::string catalog =
      options.catalog.empty() ? installation.CatalogFolder() : options.catalog;
  ASSIGN_OR_RETURN(
      const CompiledPolicy policy,
      CompilePolicy(folder, {catalog, installation.Descriptors()}, SystemClock().SecurityNow()));
  Print(policy, session);
  return absl::OkStatus();
}

}  // namespace

void AddRegistry(CLI::App& app, Session& session) {
  auto options = std::make_shared<CompileOptions>();
  CLI::App* registry =
      app.add_subcommand("registry", "participants, systems, services, agreements");
  registry->require_subcommand(1)->fallthrough();
  CLI::App* command = registry->add_subcommand(
      "compile", "catalogue and keys -> the signed policy that gateways enforce");
  command->fallthrough();
  command->add_option("DIR", options->folder, "data folder")->required();
  command->add_option("--catalog", options->catalog,
                      "folder with *.textproto instead of deploy/catalog");
  command->footer(
      "Example:\n  lgsp registry compile ~/lgsp --catalog my/catalog\n\n"
      "Prints what was added (+), removed (-), changed (~). Running gateways take the new\n"
      "policy by themselves. On an error nothing is written.");
  command->callback([options, &session] {
    const absl::Status done = Compile(*options, session);
    if (!done.ok()) session.exit_code = ReportError(done);
  });
}

}  // namespace lgsp::cli
