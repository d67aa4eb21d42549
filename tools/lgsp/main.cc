#include <grpc/support/log.h>

#include <iostream>
#include <string>

#include "tools/lgsp/commands.h"

namespace {

constexpr char kFooter[] = R"(Examples:
  lgsp init ~/lgsp --demo          keys, certificates, configuration
  lgsp up ~/lgsp                   run the platform until Ctrl-C
  lgsp status ~/lgsp               what runs, what it takes
  lgsp registry compile ~/lgsp     after a change of the catalogue
  lgsp journey ~/lgsp              citizens' dossiers from submission to result
  lgsp parked list ~/lgsp          events that wait for an operator
  lgsp portal differences ~/lgsp   what the national portal has otherwise
  lgsp evidence verify ~/lgsp      what was kept of every call, checked

Exit codes:
  0 ok   1 failure   2 usage   3 not ready   4 not running
Errors are one line on standard error: `lgsp: error: <message> (REASON)`.)";

}  // namespace

int main(int argc, char** argv) {
  // gRPC's own lines would stand between ours; whoever makes a call is told its failure.
  gpr_set_log_function([](gpr_log_func_args*) {});
  lgsp::cli::Session session;
  std::string output = "text";
  CLI::App app("The data sharing platform of a province: runs, inspects and exercises it.", "lgsp");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  app.add_option("--output", output, "how results are printed")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--source-root", session.source_root,
                 "folder with deploy/ and tools/; found from the binary otherwise");
  app.parse_complete_callback([&] { session.json = output == "json"; });
  lgsp::cli::AddInit(app, session);
  lgsp::cli::AddUp(app, session);
  lgsp::cli::AddStatus(app, session);
  lgsp::cli::AddRegistry(app, session);
  lgsp::cli::AddParked(app, session);
  lgsp::cli::AddPortal(app, session);
  lgsp::cli::AddEvidence(app, session);
  lgsp::cli::AddJourney(app, session);
  lgsp::cli::AddDossier(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    if (asked_for_help) return app.exit(error);
    // CLI11 complains first of the command that is missing, not of the word that is none.
    const auto unknown = app.remaining(/*recurse=*/true);
    std::cerr << "lgsp: error: "
              << (unknown.empty() ? error.what() : "not known here: " + unknown.front())
              << " (USAGE)" << std::endl;
    return lgsp::cli::kExitUsage;
  }
  return session.exit_code;
}
