// What a comparison of a journey found, and what it comes to. No I/O here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/lgsp/journey/plan.h"
#include "tools/lgsp/journey/portal_journal.h"

namespace lgsp::cli {

struct Difference {
  enum class Kind {
    // Not at its end yet.
    kStuck,
    // Missing somewhere, there twice, or otherwise than planned.
    kLost,
  };
  Kind kind = Kind::kLost;
  // The planned dossier. 0: of none of them in particular; kStuck then holds for all of them,
  // because somebody who has a say could not be asked.
  int number = 0;
  std::string text;
};

struct Totals {
  int dossiers = 0;
  int returned = 0;
  int rejected = 0;
  int withdrawn = 0;
  int stuck = 0;
  int lost = 0;
};

// Every planned dossier counts once, by the worst that was found of it; a difference of no planned
// dossier is one lost more.
Totals Sum(const Plan& plan, const std::vector<Difference>& differences);

// `journey: N dossiers, R returned, J rejected, W withdrawn, S stuck, L lost`
std::string FormatTotals(const Totals& totals);

// One planned dossier that ended, as the journal of the portal must show it.
struct ExpectedCopy {
  int number = 0;
  std::string portal_number;
  std::string subject;
  // `10`, `7` or `3`.
  std::string status;
};

// Each must have been inserted once, stand at its status, and have every progress row once, the
// last status's among them; no other copy may have its subject.
std::vector<Difference> ComparePortal(const std::vector<ExpectedCopy>& expected,
                                      const PortalCopies& copies);

// The documents of one planned dossier that ended.
struct EndedPapers {
  int number = 0;
  std::vector<AddedDocument> documents;
};

struct PaperCounts {
  // Papers of file lists; of those that came with an earlier dossier; contents of results.
  int uploaded = 0;
  int reused = 0;
  int results = 0;
};
PaperCounts CountPapers(const std::vector<EndedPapers>& ended);

// No document occurs twice, none is beyond the plan, every signed result has its content, and what
// an earlier dossier has a paper of was reused from it.
std::vector<Difference> ComparePapers(const Plan& plan, const std::vector<EndedPapers>& ended);

// Dossiers that organisations ask for.
int CountOrganisations(const Plan& plan);

// How many dossiers entered a state.
struct Cell {
  std::string agency;
  std::string state;
  // `YYYY-MM-DD`
  std::string day;
  friend auto operator<=>(const Cell&, const Cell&) = default;
};
using Counts = std::map<Cell, int64_t>;

// Every cell where `insights` says something else than the transitions of `dossiers`.
std::vector<Difference> CompareCounts(const Counts& transitions, const Counts& insights);

}  // namespace lgsp::cli
