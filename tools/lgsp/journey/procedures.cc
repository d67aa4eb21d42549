#include "tools/lgsp/journey/procedures.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"

namespace lgsp::cli {
namespace {

using Channel = dossiers::v1::Dossier::Channel;

constexpr char kProceduresFile[] = "tthc.csv";
constexpr char kTermsFile[] = "tthc_terms.csv";
constexpr char kCompetencesFile[] = "competences.csv";
constexpr char kAgenciesFile[] = "camau_agencies.csv";
constexpr char kDaysFile[] = "vn_civil_service_days_2021_2027.csv";

using Rows = std::vector<std::vector<std::string>>;

// The rows of a table, the columns as asked for.
absl::StatusOr<Rows> ReadTable(absl::string_view folder, absl::string_view file,
                               const std::vector<absl::string_view>& columns) {
  ASSIGN_OR_RETURN(const std::string content, config::ReadFile(config::Resolve(folder, file)));
  ASSIGN_OR_RETURN(text::CsvTable table, text::ParseCsv(file, content, columns));
  return std::move(table.rows);
}

absl::Status Lacks(absl::string_view file, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CATALOG_INVALID",
                   absl::StrCat(file, " has no ", what), {{"file", file}});
}

Channel ParseChannel(absl::string_view name) {
  Channel channel = dossiers::v1::Dossier::CHANNEL_UNSPECIFIED;
  dossiers::v1::Dossier::Channel_Parse(std::string(name), &channel);
  return channel;
}

// Level and field of those whose agency is not simply the department of the field.
absl::StatusOr<std::set<std::pair<std::string, std::string>>> ReadExceptions(
    absl::string_view folder) {
  ASSIGN_OR_RETURN(const Rows rows, ReadTable(folder, kCompetencesFile, {"level", "field"}));
  std::set<std::pair<std::string, std::string>> exceptions;
  for (const auto& row : rows) exceptions.emplace(row[0], row[1]);
  return exceptions;
}

absl::StatusOr<std::vector<Procedure>> ReadProcedures(absl::string_view folder) {
  ASSIGN_OR_RETURN(const auto exceptions, ReadExceptions(folder));
  ASSIGN_OR_RETURN(const Rows rows, ReadTable(folder, kProceduresFile,
                                              {"code", "level", "scope", "sector_agency",
                                               "applicants", "channels", "field"}));
  std::vector<Procedure> procedures;
  for (const auto& row : rows) {
    if (row[2] != "HERE" || exceptions.contains({row[1], row[6]})) continue;
    Procedure procedure;
    procedure.code = row[0];
    procedure.of_commune = row[1] == "Xã";
    procedure.sector_agency = row[3];
    for (const absl::string_view applicant : absl::StrSplit(row[4], '|')) {
      procedure.for_citizens |= applicant == "CITIZEN";
      procedure.for_organisations |= applicant == "ENTERPRISE" || applicant == "ORGANISATION";
    }
    for (const absl::string_view channel : absl::StrSplit(row[5], '|', absl::SkipEmpty())) {
      procedure.channels.push_back(ParseChannel(channel));
    }
    if (!procedure.channels.empty()) procedures.push_back(std::move(procedure));
  }
  if (procedures.empty()) return Lacks(kProceduresFile, "procedure of scope HERE");
  return procedures;
}

absl::Status ReadTerms(absl::string_view folder, std::vector<Procedure>* procedures) {
  std::map<std::string, Procedure*> by_code;
  for (Procedure& procedure : *procedures) by_code[procedure.code] = &procedure;
  ASSIGN_OR_RETURN(
      const Rows rows,
      ReadTable(folder, kTermsFile, {"code", "row", "channel", "class", "amount", "unit"}));
  for (const auto& row : rows) {
    const auto procedure = by_code.find(row[0]);
    Term term;
    if (procedure == by_code.end() || !absl::SimpleAtoi(row[1], &term.row)) continue;
    term.channel = ParseChannel(row[2]);
    term.term_class = row[3];
    term.amount = row[4];
    term.unit = row[5];
    procedure->second->terms.push_back(std::move(term));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadCommunes(absl::string_view folder) {
  ASSIGN_OR_RETURN(const Rows rows, ReadTable(folder, kAgenciesFile, {"agency_code", "kind"}));
  std::vector<std::string> communes;
  for (const auto& row : rows) {
    if (row[1] == "COMMUNE") communes.push_back(row[0]);
  }
  if (communes.empty()) return Lacks(kAgenciesFile, "commune");
  return communes;
}

absl::StatusOr<absl::CivilDay> ReadCalendarEnd(absl::string_view folder) {
  ASSIGN_OR_RETURN(const Rows rows, ReadTable(folder, kDaysFile, {"date"}));
  int last_year = 0;
  for (const auto& row : rows) {
    absl::CivilDay day;
    if (absl::ParseCivilTime(row[0], &day)) {
      last_year = std::max(last_year, static_cast<int>(day.year()));
    }
  }
  if (last_year == 0) return Lacks(kDaysFile, "date");
  return absl::CivilDay(last_year, 12, 31);
}

// Days a term lasts, for comparison with the end of the calendar only; 0: cannot be computed from
// the calendar.
int DaysAtMost(const Term& term) {
  double amount = 0;
  if (term.term_class != "KNOWN" || !absl::SimpleAtod(term.amount, &amount) || amount <= 0)
    return 0;
  // Two weeks more than the longest run of days off (Tết).
  constexpr int kSlackDays = 24;
  // A year has about 250 working days in 365.
  constexpr double kDaysPerWorkingDay = 1.5;
  constexpr int kHoursOfDay = 8;
  const auto days = [&](double of_unit) { return static_cast<int>(amount * of_unit) + kSlackDays; };
  if (term.unit == "DAY") return days(1);
  if (term.unit == "WORKING_DAY") return days(kDaysPerWorkingDay);
  if (term.unit == "MONTH") return days(31);
  // More than a day and no whole days: a slip of the page, which an officer decides.
  const bool slip = amount > 24 && static_cast<int>(amount) % kHoursOfDay != 0;
  return term.unit == "HOUR" && !slip ? days(kDaysPerWorkingDay / kHoursOfDay) : 0;
}

}  // namespace

absl::StatusOr<ProcedureCatalog> LoadProcedures(absl::string_view catalog_folder) {
  ProcedureCatalog catalog;
  ASSIGN_OR_RETURN(catalog.procedures, ReadProcedures(catalog_folder));
  RETURN_IF_ERROR(ReadTerms(catalog_folder, &catalog.procedures));
  ASSIGN_OR_RETURN(catalog.communes, ReadCommunes(catalog_folder));
  ASSIGN_OR_RETURN(catalog.calendar_end, ReadCalendarEnd(catalog_folder));
  return catalog;
}

TermChoice ChooseTerm(const Procedure& procedure, Channel channel) {
  std::set<std::tuple<std::string, std::string, std::string>> different;
  // Prefers a term that can be computed; of equal ones the first.
  const Term* chosen = nullptr;
  for (const Term& term : procedure.terms) {
    if (term.channel != channel) continue;
    different.insert({term.term_class, term.amount, term.unit});
    if (chosen == nullptr || (DaysAtMost(*chosen) == 0 && DaysAtMost(term) > 0)) chosen = &term;
  }
  TermChoice choice;
  if (different.size() > 1) choice.term_row = chosen->row;
  choice.at_most_days = chosen == nullptr ? 0 : DaysAtMost(*chosen);
  choice.officer_sets_due_time = choice.at_most_days == 0;
  return choice;
}

}  // namespace lgsp::cli
