#include "tools/lgsp/journey/differences.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;

Difference Lost(int number, std::string text) {
  return {Difference::Kind::kLost, number, std::move(text)};
}

std::string Entered(const Cell& cell) {
  return absl::StrCat(cell.agency, ", ", cell.state, ", ", cell.day);
}

void CompareCopy(const ExpectedCopy& expected, const PortalCopy& copy,
                 std::vector<Difference>* differences) {
  const std::string who = absl::StrCat("portal: ", expected.portal_number);
  if (copy.inserts != 1) {
    differences->push_back(
        Lost(expected.number, absl::StrCat(who, " was inserted ", copy.inserts, " times")));
  }
  if (copy.status != expected.status) {
    differences->push_back(
        {Difference::Kind::kStuck, expected.number,
         absl::StrCat(who, " has status ", copy.status, " instead of ", expected.status)});
  }
  bool has_end = false;
  for (const auto& [row, times] : copy.progress) {
    has_end |= row.first == expected.status;
    if (times == 1) continue;
    differences->push_back(
        Lost(expected.number, absl::StrCat(who, " has its progress row ", row.first, " of ",
                                           row.second, " ", times, " times")));
  }
  if (!has_end) {
    differences->push_back(
        {Difference::Kind::kStuck, expected.number,
         absl::StrCat(who, " has no progress row with status ", expected.status)});
  }
}

bool IsPaper(const AddedDocument& document) { return document.item() != 0; }
bool IsReused(const AddedDocument& document) { return !document.source().empty(); }
bool IsResult(const AddedDocument& document) { return document.item() == 0; }

template <typename Predicate>
int CountIf(const EndedPapers& papers, Predicate predicate) {
  return static_cast<int>(
      std::count_if(papers.documents.begin(), papers.documents.end(), predicate));
}

// What is wrong with the documents of one dossier; empty: nothing. `earlier`: of the dossier whose
// paper it reuses; nullptr: none that ended.
std::string WrongPapers(const PlannedDossier& planned, const EndedPapers& papers,
                        const EndedPapers* earlier) {
  int most = 0, results = 0;
  for (const PlannedStep& step : planned.steps()) {
    most += step.papers();
    results += step.has_sign_result() ? 1 : 0;
  }
  const int has_papers = CountIf(papers, IsPaper);
  if (has_papers > most) return absl::StrCat("has ", has_papers, " papers, at most ", most);
  const int has_results = CountIf(papers, IsResult);
  if (has_results != results) {
    return absl::StrCat("has ", has_results, " contents of results instead of ", results);
  }
  const AddedDocument* expected = nullptr;
  if (earlier != nullptr) {
    const auto first = std::find_if(earlier->documents.begin(), earlier->documents.end(), IsPaper);
    if (first != earlier->documents.end()) expected = &*first;
  }
  const int reused = CountIf(papers, IsReused);
  if (reused != (expected == nullptr ? 0 : 1)) {
    return absl::StrCat("has reused ", reused, " papers instead of ", expected == nullptr ? 0 : 1);
  }
  const auto found = std::find_if(papers.documents.begin(), papers.documents.end(), IsReused);
  if (expected == nullptr || found->source() == expected->name()) return "";
  return absl::StrCat("has reused ", found->source(), " instead of ", expected->name());
}

}  // namespace

PaperCounts CountPapers(const std::vector<EndedPapers>& ended) {
  PaperCounts counts;
  for (const EndedPapers& papers : ended) {
    const int reused = CountIf(papers, IsReused);
    counts.reused += reused;
    counts.uploaded += CountIf(papers, IsPaper) - reused;
    counts.results += CountIf(papers, IsResult);
  }
  return counts;
}

std::vector<Difference> ComparePapers(const Plan& plan, const std::vector<EndedPapers>& ended) {
  std::vector<Difference> differences;
  std::map<int, const EndedPapers*> by_number;
  std::set<std::string> names;
  for (const EndedPapers& papers : ended) {
    by_number[papers.number] = &papers;
    for (const AddedDocument& document : papers.documents) {
      if (names.insert(document.name()).second) continue;
      differences.push_back(
          Lost(papers.number, absl::StrCat("papers: ", document.name(), " was added twice")));
    }
  }
  for (const EndedPapers& papers : ended) {
    const PlannedDossier& planned = plan.dossiers[static_cast<size_t>(papers.number - 1)];
    const EndedPapers* earlier = nullptr;
    for (const PlannedStep& step : planned.steps()) {
      const auto found = by_number.find(step.reuse_from());
      if (found != by_number.end()) earlier = found->second;
    }
    const std::string wrong = WrongPapers(planned, papers, earlier);
    if (wrong.empty()) continue;
    differences.push_back(
        Lost(papers.number, absl::StrCat("papers: dossier ", papers.number, " ", wrong)));
  }
  return differences;
}

int CountOrganisations(const Plan& plan) {
  using dossiers::v1::Applicant;
  return static_cast<int>(
      std::count_if(plan.dossiers.begin(), plan.dossiers.end(), [](const PlannedDossier& planned) {
        return planned.steps(0).submit().applicant().kind() != Applicant::CITIZEN;
      }));
}

Totals Sum(const Plan& plan, const std::vector<Difference>& differences) {
  std::set<int> lost;
  std::set<int> stuck;
  Totals totals;
  for (const Difference& difference : differences) {
    if (difference.number == 0 && difference.kind == Difference::Kind::kLost) {
      ++totals.lost;
    } else if (difference.number == 0) {
      for (const PlannedDossier& planned : plan.dossiers) stuck.insert(planned.number());
    } else if (difference.kind == Difference::Kind::kLost) {
      lost.insert(difference.number);
    } else {
      stuck.insert(difference.number);
    }
  }
  totals.dossiers = plan.header.dossiers();
  for (const PlannedDossier& planned : plan.dossiers) {
    if (lost.contains(planned.number())) {
      ++totals.lost;
    } else if (stuck.contains(planned.number())) {
      ++totals.stuck;
    } else if (planned.end() == Dossier::REJECTED) {
      ++totals.rejected;
    } else if (planned.end() == Dossier::WITHDRAWN) {
      ++totals.withdrawn;
    } else {
      ++totals.returned;
    }
  }
  return totals;
}

std::string FormatTotals(const Totals& totals) {
  return absl::StrCat("journey: ", totals.dossiers, " dossiers, ", totals.returned, " returned, ",
                      totals.rejected, " rejected, ", totals.withdrawn, " withdrawn, ",
                      totals.stuck, " stuck, ", totals.lost, " lost");
}

std::vector<Difference> ComparePortal(const std::vector<ExpectedCopy>& expected,
                                      const PortalCopies& copies) {
  std::map<std::string, std::vector<std::string>> by_subject;
  for (const auto& [number, copy] : copies) by_subject[copy.subject].push_back(number);
  std::vector<Difference> differences;
  for (const ExpectedCopy& one : expected) {
    const auto copy = copies.find(one.portal_number);
    if (copy == copies.end()) {
      differences.push_back(
          Lost(one.number, absl::StrCat("portal: ", one.portal_number, " was never inserted")));
    } else {
      CompareCopy(one, copy->second, &differences);
    }
    const auto same = by_subject.find(one.subject);
    if (same == by_subject.end()) continue;
    for (const std::string& number : same->second) {
      if (number == one.portal_number) continue;
      differences.push_back(
          Lost(one.number,
               absl::StrCat("portal: ", number, " is a second copy of ", one.portal_number)));
    }
  }
  return differences;
}

std::vector<Difference> CompareCounts(const Counts& transitions, const Counts& insights) {
  std::vector<Difference> differences;
  Counts all = transitions;
  all.insert(insights.begin(), insights.end());
  for (const auto& [cell, unused] : all) {
    const auto ours = transitions.find(cell);
    const auto theirs = insights.find(cell);
    const int64_t entered = ours == transitions.end() ? 0 : ours->second;
    const int64_t counted = theirs == insights.end() ? 0 : theirs->second;
    if (entered == counted) continue;
    differences.push_back(
        Lost(0, absl::StrCat("insights: ", Entered(cell), ": ", counted, " instead of ", entered)));
  }
  return differences;
}

}  // namespace lgsp::cli
