#include "tools/lgsp/journey/journey_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/status/status.h"
#include "tools/lgsp/journey/dossier_tables.h"
#include "tools/lgsp/journey/platform_compare.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;

// The system that may ask for counts.
constexpr char kSteering[] = "demo-steering";
constexpr absl::Duration kInsightsPause = absl::Milliseconds(200);
// Lines for differences; the rest is counted.
constexpr size_t kShownDifferences = 200;

// The portal's status of each end.
absl::string_view PortalEnd(Dossier::State end) {
  switch (end) {
    case Dossier::REJECTED:
      return "3";
    case Dossier::WITHDRAWN:
      return "7";
    default:
      return "10";
  }
}

std::vector<ExpectedCopy> ExpectedCopies(const Plan& plan, const std::vector<Outcome>& outcomes) {
  std::vector<ExpectedCopy> expected;
  for (const PlannedDossier& planned : plan.dossiers) {
    const Outcome& outcome = outcomes[static_cast<size_t>(planned.number() - 1)];
    if (!outcome.synced) continue;
    expected.push_back({planned.number(), outcome.portal_number,
                        planned.steps(0).submit().subject(),
                        std::string(PortalEnd(planned.end()))});
  }
  return expected;
}

std::vector<EndedPapers> PapersOf(const std::vector<Outcome>& outcomes) {
  std::vector<EndedPapers> ended;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].ended) ended.push_back({static_cast<int>(i) + 1, outcomes[i].documents});
  }
  return ended;
}

// Adds what one source has to say, or that it says nothing.
absl::Status Add(const absl::StatusOr<std::vector<Difference>>& found, absl::string_view source,
                 std::vector<Difference>* all) {
  if (found.ok()) {
    all->insert(all->end(), found->begin(), found->end());
    return absl::OkStatus();
  }
  // NOT_FOUND: nothing ran on this folder yet.
  if (!MayRepeat(found.status()) && !absl::IsNotFound(found.status())) return found.status();
  all->push_back(
      {Difference::Kind::kStuck, 0,
       absl::StrCat(source, " does not answer: ", std::string(found.status().message()))});
  return absl::OkStatus();
}

// Until both agree: events take a moment, and others may be at work.
absl::StatusOr<std::vector<Difference>> CompareWithInsights(const DataFolder& folder,
                                                            const DossierTables& tables,
                                                            Patience* patience) {
  ASSIGN_OR_RETURN(const auto steering, PlatformClient::Connect(folder, kSteering));
  for (;;) {
    ASSIGN_OR_RETURN(const Counts insights, ListCounts(steering.get(), patience));
    ASSIGN_OR_RETURN(const Counts transitions, tables.CountTransitions());
    std::vector<Difference> differences = CompareCounts(transitions, insights);
    if (differences.empty() || patience->Over()) return differences;
    patience->Wait(kInsightsPause);
  }
}

double PerSecond(int count, absl::Duration time) {
  const double seconds = absl::ToDoubleSeconds(time);
  return seconds > 0 ? count / seconds : 0;
}

nlohmann::json ReportJson(const DataFolder& folder, const PlanFile& file, const JourneyRun& run,
                          const JourneyReport& report) {
  nlohmann::json differences = nlohmann::json::array();
  for (const Difference& difference : report.differences) {
    differences.push_back({{"kind", difference.kind == Difference::Kind::kStuck ? "stuck" : "lost"},
                           {"number", difference.number},
                           {"text", difference.text}});
  }
  const Totals& totals = report.totals;
  return {{"line", FormatTotals(totals)},
          {"dossiers", totals.dossiers},
          {"returned", totals.returned},
          {"rejected", totals.rejected},
          {"withdrawn", totals.withdrawn},
          {"stuck", totals.stuck},
          {"lost", totals.lost},
          {"seed", file.plan().header.seed()},
          {"resumed", file.resumed()},
          {"settled_in_this_run", run.walked()},
          {"papers_uploaded", report.papers.uploaded},
          {"papers_reused", report.papers.reused},
          {"results_signed", report.papers.results},
          {"papers_read", report.papers_read},
          {"organisations", CountOrganisations(file.plan())},
          {"settling_seconds", absl::ToDoubleSeconds(run.settling_time())},
          {"syncing_seconds", absl::ToDoubleSeconds(run.syncing_time())},
          {"dossiers_per_second", PerSecond(run.walked(), run.settling_time())},
          {"faults", report.faults},
          {"plan", file.path()},
          {"portal_journal", PortalJournalPath(folder)},
          {"differences", differences}};
}

}  // namespace

std::string PortalJournalPath(const DataFolder& folder) {
  return folder.SimulatorData() + "/journal.jsonl";
}

absl::StatusOr<JourneyReport> CompareJourney(const DataFolder& folder, const PlanFile& file,
                                             const JourneyRun& run, PlatformClient* client) {
  const Plan& plan = file.plan();
  JourneyReport report;
  std::vector<Difference>& all = report.differences;
  all = Unfinished(plan, run.outcomes());
  Patience patience(absl::Now() + (all.empty() ? kCompareLimit : kCompareLateLimit));
  RETURN_IF_ERROR(Add(CompareWithList(plan, run.outcomes(), client, &patience), "list", &all));
  const std::vector<EndedPapers> papers = PapersOf(run.outcomes());
  report.papers = CountPapers(papers);
  RETURN_IF_ERROR(Add(ComparePapers(plan, papers), "plan", &all));
  RETURN_IF_ERROR(
      Add(CompareContents(papers, client, &patience, &report.papers_read), "documents", &all));
  const absl::StatusOr<DossierTables> tables = DossierTables::Open(folder);
  if (tables.ok()) {
    RETURN_IF_ERROR(Add(tables->Compare(plan, run.outcomes()), "database", &all));
    RETURN_IF_ERROR(Add(CompareWithInsights(folder, *tables, &patience), "insights", &all));
  } else {
    RETURN_IF_ERROR(Add(tables.status(), "database", &all));
  }
  const absl::StatusOr<PortalJournal> journal =
      ReadPortalJournal(PortalJournalPath(folder), ToTime(plan.header.made()));
  if (journal.ok()) {
    RETURN_IF_ERROR(
        Add(ComparePortal(ExpectedCopies(plan, run.outcomes()), journal->copies), "portal", &all));
    report.faults = journal->faults;
  } else {
    RETURN_IF_ERROR(Add(journal.status(), "portal", &all));
  }
  report.totals = Sum(plan, report.differences);
  return report;
}

void PrintReport(const DataFolder& folder, const PlanFile& file, const JourneyRun& run,
                 const JourneyReport& report, bool json, std::ostream& out) {
  if (json) {
    out << ReportJson(folder, file, run, report) << std::endl;
    return;
  }
  size_t shown = 0;
  for (const Difference& difference : report.differences) {
    if (++shown > kShownDifferences) break;
    out << "difference: " << difference.text << "\n";
  }
  if (report.differences.size() > kShownDifferences) {
    out << "difference: " << report.differences.size() - kShownDifferences << " more\n";
  }
  out << "seed: " << file.plan().header.seed() << "\n"
      << absl::StreamFormat(
             "settled: %d dossiers in %.2f s, %.1f dossiers per second; at the portal "
             "after %.2f s\n",
             run.walked(), absl::ToDoubleSeconds(run.settling_time()),
             PerSecond(run.walked(), run.settling_time()),
             absl::ToDoubleSeconds(run.syncing_time()))
      << absl::StreamFormat(
             "papers: %d uploaded, %d reused, %d results; %d read back\n"
             "organisations: %d of %d applicants\n",
             report.papers.uploaded, report.papers.reused, report.papers.results,
             report.papers_read, CountOrganisations(file.plan()), report.totals.dossiers)
      << "faults: "
      << (report.faults.empty() ? "none"
                                : absl::StrJoin(report.faults, ", ", absl::PairFormatter(" ")))
      << "\n"
      << "plan: " << file.path() << "\n"
      << "portal journal: " << PortalJournalPath(folder) << "\n"
      << FormatTotals(report.totals) << std::endl;
}

}  // namespace lgsp::cli
