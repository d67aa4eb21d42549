// Compares a journey with everything that has a say about it, and prints what came of it.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/journey/differences.h"
#include "tools/lgsp/journey/journey_run.h"

namespace lgsp::cli {

// How long the comparison may take, `insights` catching up included; and after a run that did not
// end in its time.
inline constexpr absl::Duration kCompareLimit = absl::Seconds(60);
inline constexpr absl::Duration kCompareLateLimit = absl::Seconds(5);

struct JourneyReport {
  std::vector<Difference> differences;
  // Faults the simulator injected since the plan was made, by kind.
  std::map<std::string, int> faults;
  // Of the dossiers that ended.
  PaperCounts papers;
  // Documents whose content was read back and is right.
  int papers_read = 0;
  Totals totals;
};

// Where the portal's simulator keeps its journal.
std::string PortalJournalPath(const DataFolder& folder);

// The platform's API and its database, the counts of `insights`, the portal's journal. An error:
// one of them cannot be asked.
absl::StatusOr<JourneyReport> CompareJourney(const DataFolder& folder, const PlanFile& file,
                                             const JourneyRun& run, PlatformClient* client);

// The summary, with the line of the totals last; or one JSON object.
void PrintReport(const DataFolder& folder, const PlanFile& file, const JourneyRun& run,
                 const JourneyReport& report, bool json, std::ostream& out);

}  // namespace lgsp::cli
