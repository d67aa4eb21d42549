#include "tools/lgsp/journey/procedures.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

using Channel = dossiers::v1::Dossier::Channel;

// A table whose first record names the columns.
class Table {
 public:
  static absl::StatusOr<Table> Read(absl::string_view path) {
    ASSIGN_OR_RETURN(const std::string text, config::ReadFile(path));
    Table table;
    table.path_ = std::string(path);
    table.records_ = ParseCsv(text);
    if (table.records_.size() < 2) return table.Invalid("has no records");
    return table;
  }

  // The place of the column `name`.
  absl::StatusOr<size_t> Column(absl::string_view name) const {
    const auto& names = records_.front();
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return Invalid(absl::StrCat("has no column ", name));
    return static_cast<size_t>(found - names.begin());
  }

  // Records after the first that have all columns.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t i = 1; i < records_.size(); ++i) {
      if (records_[i].size() == records_.front().size()) visit(records_[i]);
    }
  }

  absl::Status Invalid(absl::string_view what) const {
    return MakeError(absl::StatusCode::kInvalidArgument, "CATALOG_INVALID",
                     absl::StrCat(path_, ": ", what), {{"path", path_}});
  }

 private:
  std::string path_;
  std::vector<std::vector<std::string>> records_;
};

Channel ParseChannel(absl::string_view name) {
  Channel channel = dossiers::v1::Dossier::CHANNEL_UNSPECIFIED;
  dossiers::v1::Dossier::Channel_Parse(std::string(name), &channel);
  return channel;
}

absl::StatusOr<std::vector<Procedure>> ReadProcedures(absl::string_view folder) {
  ASSIGN_OR_RETURN(const Table table, Table::Read(absl::StrCat(folder, "/tthc.csv")));
  ASSIGN_OR_RETURN(const size_t code, table.Column("code"));
  ASSIGN_OR_RETURN(const size_t level, table.Column("level"));
  ASSIGN_OR_RETURN(const size_t scope, table.Column("scope"));
  ASSIGN_OR_RETURN(const size_t agency, table.Column("sector_agency"));
  ASSIGN_OR_RETURN(const size_t applicants, table.Column("applicants"));
  ASSIGN_OR_RETURN(const size_t channels, table.Column("channels"));
  std::vector<Procedure> procedures;
  table.ForEach([&](const std::vector<std::string>& record) {
    if (record[scope] != "HERE") return;
    Procedure procedure;
    procedure.code = record[code];
    procedure.of_commune = record[level] == "Xã";
    procedure.sector_agency = record[agency];
    for (absl::string_view applicant : absl::StrSplit(record[applicants], '|')) {
      procedure.for_citizens |= applicant == "CITIZEN";
    }
    for (absl::string_view channel : absl::StrSplit(record[channels], '|', absl::SkipEmpty())) {
      procedure.channels.push_back(ParseChannel(channel));
    }
    if (!procedure.channels.empty()) procedures.push_back(std::move(procedure));
  });
  if (procedures.empty()) return table.Invalid("has no procedure of scope HERE");
  return procedures;
}

absl::Status ReadTerms(absl::string_view folder, std::vector<Procedure>* procedures) {
  std::map<std::string, Procedure*> by_code;
  for (Procedure& procedure : *procedures) by_code[procedure.code] = &procedure;
  ASSIGN_OR_RETURN(const Table table, Table::Read(absl::StrCat(folder, "/tthc_terms.csv")));
  ASSIGN_OR_RETURN(const size_t code, table.Column("code"));
  ASSIGN_OR_RETURN(const size_t row, table.Column("row"));
  ASSIGN_OR_RETURN(const size_t channel, table.Column("channel"));
  ASSIGN_OR_RETURN(const size_t term_class, table.Column("class"));
  ASSIGN_OR_RETURN(const size_t amount, table.Column("amount"));
  ASSIGN_OR_RETURN(const size_t unit, table.Column("unit"));
  table.ForEach([&](const std::vector<std::string>& record) {
    const auto procedure = by_code.find(record[code]);
    Term term;
    if (procedure == by_code.end() || !absl::SimpleAtoi(record[row], &term.row)) return;
    term.channel = ParseChannel(record[channel]);
    term.term_class = record[term_class];
    term.amount = record[amount];
    term.unit = record[unit];
    procedure->second->terms.push_back(std::move(term));
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadCommunes(absl::string_view folder) {
  ASSIGN_OR_RETURN(const Table table, Table::Read(absl::StrCat(folder, "/camau_agencies.csv")));
  ASSIGN_OR_RETURN(const size_t code, table.Column("agency_code"));
  ASSIGN_OR_RETURN(const size_t kind, table.Column("kind"));
  std::vector<std::string> communes;
  table.ForEach([&](const std::vector<std::string>& record) {
    if (record[kind] == "COMMUNE") communes.push_back(record[code]);
  });
  if (communes.empty()) return table.Invalid("has no commune");
  return communes;
}

absl::StatusOr<absl::CivilDay> ReadCalendarEnd(absl::string_view folder) {
  ASSIGN_OR_RETURN(const Table table,
                   Table::Read(absl::StrCat(folder, "/vn_civil_service_days_2021_2027.csv")));
  ASSIGN_OR_RETURN(const size_t date, table.Column("date"));
  int last_year = 0;
  table.ForEach([&](const std::vector<std::string>& record) {
    absl::CivilDay day;
    if (absl::ParseCivilTime(record[date], &day)) {
      last_year = std::max(last_year, static_cast<int>(day.year()));
    }
  });
  if (last_year == 0) return table.Invalid("has no date");
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
  if (term.unit == "DAY") return static_cast<int>(amount) + kSlackDays;
  // A year has about 250 working days in 365.
  if (term.unit == "WORKING_DAY") return static_cast<int>(amount * 1.5) + kSlackDays;
  return 0;
}

}  // namespace

std::vector<std::vector<std::string>> ParseCsv(absl::string_view text) {
  std::vector<std::vector<std::string>> records;
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '#') {
      const size_t end = text.find('\n', at);
      at = end == absl::string_view::npos ? text.size() : end + 1;
      continue;
    }
    std::vector<std::string> record(1);
    bool quoted = false;
    for (; at < text.size() && (quoted || text[at] != '\n'); ++at) {
      const char c = text[at];
      if (c == '"' && quoted && at + 1 < text.size() && text[at + 1] == '"') {
        record.back().push_back('"');
        ++at;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        record.emplace_back();
      } else if (c != '\r' || quoted) {
        record.back().push_back(c);
      }
    }
    ++at;
    if (record.size() > 1 || !record.front().empty()) records.push_back(std::move(record));
  }
  return records;
}

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
