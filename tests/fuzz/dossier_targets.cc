// Tables of the catalogue, terms and working hours.
#include <string>
#include <vector>

#include "libs/status/status.h"
#include "services/dossiers/calendar/calendar.h"
#include "services/dossiers/calendar/term.h"
#include "services/dossiers/calendar/working_hours.h"
#include "services/dossiers/catalogue/policies.h"
#include "services/dossiers/competence.h"
#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {
namespace {

constexpr int64_t kLongestHundredths = 3660 * 24 * 100;

const std::vector<dossiers::Agency>& Agencies() {
  using Kind = dossiers::Agency::Kind;
  static const auto& agencies = *new std::vector<dossiers::Agency>{
      {.code = "H12.04",
       .name = "Sở Tài chính",
       .kind = Kind::kDepartment,
       .place = "",
       .successor = ""},
      {.code = "H12.15",
       .name = "Trung tâm",
       .kind = Kind::kServiceCentre,
       .place = "",
       .successor = ""},
      {.code = "H12.50.01",
       .name = "Phường Bạc Liêu",
       .kind = Kind::kCommune,
       .place = "31825",
       .successor = ""},
  };
  return agencies;
}

template <typename Table>
bool IsGood(const absl::StatusOr<Table>& table) {
  if (table.ok()) return true;
  const std::string reason = ErrorReason(table.status());
  Promise(
      reason == "CSV_INVALID" || reason == "CATALOGUE_INVALID" || reason == "WORKING_HOURS_INVALID",
      "a reason for bad tables");
  return false;
}

void CheckHours(const dossiers::WorkingHours& hours) {
  const auto& intervals = hours.intervals();
  Promise(!intervals.empty() && intervals.size() <= dossiers::kMaxIntervals, "intervals");
  absl::Duration last = -absl::Minutes(1);
  for (const auto& interval : intervals) {
    Promise(last < interval.begin && interval.begin < interval.end, "in order and apart");
    last = interval.end;
  }
  Promise(last <= absl::Hours(24) && hours.Daily() <= absl::Hours(24), "a day has 24 hours");
  Promise(hours.After(hours.Daily()) == hours.close(), "after a day's work it closes");
  Promise(hours.After(absl::ZeroDuration()) == hours.opening(), "before it, it opens");
}

void CheckTerm(const dossiers::Term& term) {
  Promise(!term.parts.empty() && term.parts.size() <= dossiers::kMaxTermParts, "parts");
  for (const auto& part : term.parts) {
    Promise(part.hundredths > 0 && part.hundredths <= kLongestHundredths, "at most 10 years");
  }
}

}  // namespace

bool CatalogueTables(absl::string_view input) {
  bool accepted = false;
  if (const auto policies = dossiers::Policies::FromCsv("fuzz.csv", input); IsGood(policies)) {
    accepted = true;
    for (const std::string& procedure : policies->Named()) {
      Promise(!policies->Of(procedure).empty(), "a procedure that is named has a policy");
      dossiers::v1::Procedure chosen;
      for (const auto& policy : policies->Of(procedure)) *chosen.add_policies() = policy;
      (void)dossiers::ReadPolicies(chosen);
    }
  }
  if (const auto hours = dossiers::AgencyHours::FromCsv("fuzz.csv", input); IsGood(hours)) {
    accepted = true;
    CheckHours(hours->Of("H12.04"));
    for (const std::string& agency : hours->Named()) CheckHours(hours->Of(agency));
  }
  const auto competences = dossiers::Competences::FromCsv("fuzz.csv", input, Agencies());
  if (IsGood(competences)) {
    accepted = true;
    dossiers::v1::Procedure procedure;
    procedure.set_level(dossiers::v1::Procedure::PROVINCE);
    procedure.set_field("Đất đai");
    procedure.set_sector_agency("H12.04");
    (void)competences->Of(procedure, "31825", Agencies());
    (void)competences->Of(procedure, "", Agencies());
  }
  if (const auto calendar = dossiers::Calendar::FromCsv("fuzz.csv", input); IsGood(calendar)) {
    accepted = true;
    const absl::CivilDay first(2026, 1, 1);
    for (int i = 0; i < 366; ++i) {
      const auto day = calendar->DayOf(first + i);
      Promise(day.works() == (day.kind == dossiers::v1::DayRun::COUNTED ||
                              day.kind == dossiers::v1::DayRun::WORKED_SATURDAY),
              "a day works or not");
    }
  }
  return accepted;
}

bool Term(absl::string_view input) {
  const auto whole = dossiers::ParseTerm(input);
  if (whole.has_value()) CheckTerm(*whole);
  const absl::string_view amount = TakePart(input);
  const auto printed = dossiers::PrintedTermOf(amount, input);
  if (printed.has_value()) {
    CheckTerm(*printed);
    Promise(printed->parts.size() == 1, "what is printed is one part");
  }
  return whole.has_value() || printed.has_value();
}

bool WorkingHours(absl::string_view input) {
  const auto hours = dossiers::WorkingHours::Parse(input);
  if (!IsGood(hours)) return false;
  CheckHours(*hours);
  return true;
}

}  // namespace lgsp::fuzz
