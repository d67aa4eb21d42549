#include <unistd.h>

#include <iostream>
#include <memory>
#include <random>
#include <string>

#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "tools/lgsp/commands.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/installation.h"
#include "tools/lgsp/journey/journey_report.h"
#include "tools/lgsp/journey/journey_run.h"
#include "tools/lgsp/journey/plan_file.h"
#include "tools/lgsp/journey/procedures.h"
#include "tools/lgsp/journey/progress.h"
#include "tools/lgsp/output.h"

namespace lgsp::cli {
namespace {

constexpr int kStandardDossiers = 20;
constexpr int kStandardTimeoutSeconds = 600;
constexpr int kLongestTimeoutSeconds = 24 * 3600;
// So long without any answer, and a reason is offered.
constexpr absl::Duration kSilence = absl::Seconds(5);

// The system that files and settles.
constexpr char kOneStop[] = "demo-onestop";

struct JourneyOptions {
  std::string folder;
  int dossiers = kStandardDossiers;
  uint32_t seed = 0;
  bool seed_given = false;
  int timeout_seconds = kStandardTimeoutSeconds;
};

void Announce(const PlanFile& file, const JourneyOptions& options, std::ostream& out) {
  const PlanHeader& header = file.plan().header;
  if (file.resumed()) {
    out << "journey: finishing the plan begun at "
        << absl::FormatTime(absl::RFC3339_sec, ToTime(header.made()), VietnamZone()) << ": "
        << header.dossiers() << " dossiers, seed " << header.seed() << ", "
        << file.plan().ended.size() << " ended before";
    if (options.dossiers != header.dossiers() || options.seed_given) {
      out << " (--dossiers and --seed are ignored)";
    }
    out << std::endl;
  } else {
    out << "journey: planned " << header.dossiers() << " dossiers from seed " << header.seed()
        << std::endl;
  }
  out << "journey: plan " << file.path() << std::endl;
}

// Runs with a display, and a word when nothing answers.
absl::Status RunShown(const PlanFile& file, JourneyRun* run, const Patience& patience,
                      const std::string& address, bool json) {
  const absl::Time begun = absl::Now();
  bool told = false;
  Progress progress(json ? &std::cerr : &std::cout,
                    isatty(json ? STDERR_FILENO : STDOUT_FILENO) != 0,
                    file.plan().header.dossiers(), [&] {
                      if (!told && !patience.answered() && absl::Now() - begun > kSilence) {
                        told = true;
                        std::cerr << "lgsp: the gateway at " << address
                                  << " does not answer yet: is `lgsp up` running?" << std::endl;
                      }
                      return run->synced();
                    });
  return run->Run();
}

absl::StatusOr<int> Journey(const JourneyOptions& options, const Session& session) {
  ASSIGN_OR_RETURN(const DataFolder folder, DataFolder::Open(options.folder));
  ASSIGN_OR_RETURN(const Installation installation, FindInstallation(session.source_root));
  ASSIGN_OR_RETURN(const ProcedureCatalog catalog, LoadProcedures(installation.CatalogFolder()));
  ASSIGN_OR_RETURN(const auto client, PlatformClient::Connect(folder, kOneStop));
  const SystemClock clock;
  const uint32_t seed = options.seed_given ? options.seed : std::random_device()();
  ASSIGN_OR_RETURN(const auto file,
                   PlanFile::Open(folder.JourneyFolder(), catalog, options.dossiers, seed, clock));
  Announce(*file, options, session.json ? std::cerr : std::cout);
  Patience patience(absl::Now() + absl::Seconds(options.timeout_seconds));
  JourneyRun run(file.get(), client.get(), &patience);
  RETURN_IF_ERROR(RunShown(*file, &run, patience, client->address(), session.json));
  ASSIGN_OR_RETURN(const JourneyReport report, CompareJourney(folder, *file, run, client.get()));
  // What is stuck may yet be finished by another run.
  if (report.totals.stuck == 0) RETURN_IF_ERROR(file->Finish(FormatTotals(report.totals)));
  PrintReport(folder, *file, run, report, session.json, std::cout);
  return report.totals.stuck == 0 && report.totals.lost == 0 ? kExitOk : kExitFailure;
}

}  // namespace

void AddJourney(CLI::App& app, Session& session) {
  auto options = std::make_shared<JourneyOptions>();
  CLI::App* command = app.add_subcommand(
      "journey", "walk dossiers of real procedures through the whole platform and recount them");
  command->add_option("DIR", options->folder, "data folder made with --demo; `lgsp up` runs on it")
      ->required();
  command->add_option("--dossiers", options->dossiers, "how many")
      ->check(CLI::Range(1, kMaxDossiers))
      ->capture_default_str();
  CLI::Option* seed = command->add_option(
      "--seed", options->seed, "draws procedures, applicants and ends; a random one otherwise");
  command->add_option("--timeout", options->timeout_seconds, "seconds, then the rest is stuck")
      ->check(CLI::Range(1, kLongestTimeoutSeconds))
      ->capture_default_str();
  command->footer(
      "The plan is written to DIR/journey/plan.jsonl before anything is sent. A plan that was not\n"
      "finished, even because everything was killed, is finished by the next run.\n\n"
      "Examples:\n  lgsp journey ~/lgsp --dossiers 200\n  lgsp journey ~/lgsp --seed 7 --output "
      "json\n\n"
      "Exit codes: 0 all ended as planned and nothing is stuck or lost, 1 otherwise.");
  command->callback([options, seed, &session] {
    options->seed_given = seed->count() > 0;
    const auto code = Journey(*options, session);
    session.exit_code = code.ok() ? *code : ReportError(code.status());
  });
}

}  // namespace lgsp::cli
