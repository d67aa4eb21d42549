#include "services/dossiers/catalogue/catalogue_tables.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/catalogue/fees.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::PrintedComponent;
using lgsp::dossiers::v1::PrintedFee;
using lgsp::dossiers::v1::PrintedTerm;
using lgsp::dossiers::v1::Procedure;
using Procedures = absl::btree_map<std::string, Procedure>;

constexpr char kAgenciesFile[] = "camau_agencies.csv";
constexpr char kProceduresFile[] = "tthc.csv";
constexpr char kTermsFile[] = "tthc_terms.csv";
constexpr char kFeesFile[] = "tthc_fees.csv";
constexpr char kComponentsFile[] = "tthc_components.csv";

constexpr char kAgencyChangesFile[] = "agency_changes.csv";

struct KindName {
  absl::string_view name;
  Agency::Kind kind;
};
constexpr KindName kAgencyKinds[] = {
    {"DEPARTMENT", Agency::Kind::kDepartment},
    {"CENTRAL_BRANCH", Agency::Kind::kCentralBranch},
    {"COMMUNE", Agency::Kind::kCommune},
    {"SERVICE_CENTRE", Agency::Kind::kServiceCentre},
};

absl::StatusOr<text::CsvTable> ReadTable(absl::string_view folder, absl::string_view file,
                                         const std::vector<absl::string_view>& columns) {
  ASSIGN_OR_RETURN(const std::string content, config::ReadFile(config::Resolve(folder, file)));
  return text::ParseCsv(file, content, columns);
}

absl::StatusOr<Procedure*> Find(Procedures& procedures, absl::string_view file,
                                const std::string& code) {
  const auto it = procedures.find(code);
  if (it == procedures.end()) return CatalogueInvalid(file, code, "is not a procedure");
  return &it->second;
}

bool ParseChannel(const std::string& text, Dossier::Channel& channel) {
  return Dossier::Channel_Parse(text, &channel) && channel != Dossier::CHANNEL_UNSPECIFIED;
}

bool ParseNumber(const std::string& text, int least, int32_t& number) {
  return absl::SimpleAtoi(text, &number) && number >= least;
}

// Row: code, name, level, field, kind, decision, scope, sector_agency, applicants, channels.
absl::StatusOr<Procedure> ToProcedure(std::vector<std::string>& row,
                                      const std::vector<Agency>& agencies) {
  const auto invalid = [&](absl::string_view what) {
    return CatalogueInvalid(kProceduresFile, row[0], what);
  };
  Procedure procedure;
  procedure.set_name(absl::StrCat(kProcedureCollection, "/", row[0]));
  procedure.set_code(row[0]);
  procedure.set_display_name(std::move(row[1]));
  procedure.set_level(row[2] == "Xã" ? Procedure::COMMUNE : Procedure::PROVINCE);
  if (row[2] != "Xã" && row[2] != "Tỉnh") return invalid("level is neither Tỉnh nor Xã");
  procedure.set_field(std::move(row[3]));
  procedure.set_kind(std::move(row[4]));
  procedure.set_decision(std::move(row[5]));
  Procedure::Scope scope;
  if (!Procedure::Scope_Parse(row[6], &scope) || scope == Procedure::SCOPE_UNSPECIFIED) {
    return invalid("scope is not known");
  }
  procedure.set_scope(scope);
  const Agency* sector = FindAgencyIn(agencies, row[7]);
  if (sector == nullptr || sector->kind == Agency::Kind::kCommune) {
    return invalid("sector_agency is not a department or branch");
  }
  procedure.set_sector_agency(std::move(row[7]));
  for (const absl::string_view applicant : absl::StrSplit(row[8], '|', absl::SkipEmpty())) {
    procedure.add_applicants(std::string(applicant));
  }
  const std::vector<std::string> channels = absl::StrSplit(row[9], '|');
  for (const std::string& name : channels) {
    Dossier::Channel channel;
    if (!ParseChannel(name, channel)) return invalid("channels are not DIRECT, ONLINE, POSTAL");
    procedure.add_channels(channel);
  }
  return procedure;
}

absl::Status AddTerms(absl::string_view folder, Procedures& procedures) {
  ASSIGN_OR_RETURN(
      text::CsvTable table,
      ReadTable(folder, kTermsFile, {"code", "row", "channel", "class", "amount", "unit"}));
  for (auto& row : table.rows) {
    ASSIGN_OR_RETURN(Procedure * procedure, Find(procedures, kTermsFile, row[0]));
    PrintedTerm term;
    int32_t number = 0;
    Dossier::Channel channel;
    if (!ParseNumber(row[1], 1, number) || !ParseChannel(row[2], channel)) {
      return CatalogueInvalid(kTermsFile, row[0], "row or channel is not valid");
    }
    PrintedTerm::Class term_class;
    if (!PrintedTerm::Class_Parse(row[3], &term_class) ||
        term_class == PrintedTerm::CLASS_UNSPECIFIED) {
      return CatalogueInvalid(kTermsFile, row[0], "class is not known");
    }
    for (const PrintedTerm& before : procedure->terms()) {
      if (before.row() == number) {
        return CatalogueInvalid(kTermsFile, row[0], absl::StrCat("row ", number, " occurs twice"));
      }
    }
    term.set_row(number);
    term.set_channel(channel);
    term.set_term_class(term_class);
    term.set_amount(std::move(row[4]));
    term.set_unit(std::move(row[5]));
    *procedure->add_terms() = std::move(term);
  }
  return absl::OkStatus();
}

absl::Status AddFees(absl::string_view folder, Procedures& procedures) {
  ASSIGN_OR_RETURN(text::CsvTable table, ReadTable(folder, kFeesFile,
                                                   {"code", "row", "item", "channel", "class",
                                                    "amount_vnd_as_printed", "per"}));
  for (auto& row : table.rows) {
    ASSIGN_OR_RETURN(Procedure * procedure, Find(procedures, kFeesFile, row[0]));
    PrintedFee fee;
    int32_t number = 0, item = 0;
    Dossier::Channel channel;
    if (!ParseNumber(row[1], 1, number) || !ParseNumber(row[2], 1, item) ||
        !ParseChannel(row[3], channel)) {
      return CatalogueInvalid(kFeesFile, row[0], "row, item or channel is not valid");
    }
    PrintedFee::Class fee_class;
    int64_t amount = 0;
    if (!PrintedFee::Class_Parse(row[4], &fee_class) ||
        fee_class == PrintedFee::CLASS_UNSPECIFIED ||
        (fee_class == PrintedFee::KNOWN && (!absl::SimpleAtoi(row[5], &amount) || amount <= 0))) {
      return CatalogueInvalid(kFeesFile, row[0], "class is not known, or has no amount");
    }
    fee.set_row(number);
    fee.set_item(item);
    fee.set_channel(channel);
    fee.set_fee_class(fee_class);
    fee.set_amount(std::move(row[5]));
    fee.set_per(std::move(row[6]));
    *procedure->add_fees() = std::move(fee);
  }
  return absl::OkStatus();
}

absl::Status AddComponents(absl::string_view folder, Procedures& procedures) {
  ASSIGN_OR_RETURN(text::CsvTable table,
                   ReadTable(folder, kComponentsFile,
                             {"code", "item", "group", "kind", "title", "originals", "copies"}));
  for (auto& row : table.rows) {
    ASSIGN_OR_RETURN(Procedure * procedure, Find(procedures, kComponentsFile, row[0]));
    PrintedComponent component;
    int32_t item = 0, originals = 0, copies = 0;
    if (!ParseNumber(row[1], 1, item) || !ParseNumber(row[5], 0, originals) ||
        !ParseNumber(row[6], 0, copies)) {
      return CatalogueInvalid(kComponentsFile, row[0], "item, originals or copies is no number");
    }
    PrintedComponent::Kind kind;
    if (!PrintedComponent::Kind_Parse(row[3], &kind) ||
        kind == PrintedComponent::KIND_UNSPECIFIED) {
      return CatalogueInvalid(kComponentsFile, row[0], "kind is not known");
    }
    component.set_item(item);
    component.set_group(std::move(row[2]));
    component.set_kind(kind);
    component.set_title(std::move(row[4]));
    component.set_originals(originals);
    component.set_copies(copies);
    *procedure->add_components() = std::move(component);
  }
  return absl::OkStatus();
}

// An empty field leaves `day` as it is.
bool ParseDay(const std::string& text, absl::CivilDay& day) {
  return text.empty() || (text.size() == 10 && absl::ParseCivilTime(text, &day));
}

absl::Status AddAgencyChanges(absl::string_view folder, std::vector<Agency>& agencies) {
  ASSIGN_OR_RETURN(const text::CsvTable table,
                   ReadTable(folder, kAgencyChangesFile,
                             {"agency", "first_day", "last_day", "successor", "basis"}));
  for (const auto& row : table.rows) {
    const auto invalid = [&](absl::string_view what) {
      return CatalogueInvalid(kAgencyChangesFile, row[0], what);
    };
    const Agency* known = FindAgencyIn(agencies, row[0]);
    if (known == nullptr) return invalid("is not an agency");
    Agency& agency = agencies[known - agencies.data()];
    const bool changed_before =
        agency.first_day != absl::CivilDay::min() || agency.last_day != absl::CivilDay::max();
    if (changed_before) return invalid("occurs twice");
    if (!ParseDay(row[1], agency.first_day) || !ParseDay(row[2], agency.last_day) ||
        agency.first_day > agency.last_day) {
      return invalid("first_day and last_day are not days YYYY-MM-DD in order");
    }
    const bool ends = !row[2].empty();
    if (ends == row[3].empty()) return invalid("an end and a successor go together");
    if (row[4].empty()) return invalid("names no basis");
    agency.successor = row[3];
  }
  for (const Agency& agency : agencies) {
    if (agency.successor.empty()) continue;
    const Agency* successor = FindAgencyIn(agencies, agency.successor);
    // Its own end comes later: so that chains end.
    if (successor == nullptr || successor->last_day <= agency.last_day ||
        successor->kind != agency.kind) {
      return CatalogueInvalid(kAgencyChangesFile, agency.code,
                              "the successor is not an agency of its kind that acts longer");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTerms(const Procedure& procedure) {
  for (const int channel : procedure.channels()) {
    const auto of_channel = [&](const PrintedTerm& term) { return term.channel() == channel; };
    if (std::none_of(procedure.terms().begin(), procedure.terms().end(), of_channel)) {
      return CatalogueInvalid(
          kTermsFile, procedure.code(),
          absl::StrCat("no term for ",
                       Dossier::Channel_Name(static_cast<Dossier::Channel>(channel))));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Agency>> ReadAgencies(absl::string_view folder) {
  ASSIGN_OR_RETURN(text::CsvTable table,
                   ReadTable(folder, kAgenciesFile, {"agency_code", "name", "kind", "ward_code"}));
  std::vector<Agency> agencies;
  for (auto& row : table.rows) {
    const auto* kind = std::find_if(std::begin(kAgencyKinds), std::end(kAgencyKinds),
                                    [&](const KindName& one) { return one.name == row[2]; });
    if (kind == std::end(kAgencyKinds)) {
      return CatalogueInvalid(kAgenciesFile, row[0], "kind is not known");
    }
    if (row[3].empty() == (kind->kind == Agency::Kind::kCommune)) {
      return CatalogueInvalid(kAgenciesFile, row[0], "a commune, and only that, has a ward_code");
    }
    Agency& agency = agencies.emplace_back();
    agency.code = row[0];
    agency.name = row[1];
    agency.kind = kind->kind;
    agency.place = row[3];
  }
  std::sort(agencies.begin(), agencies.end(),
            [](const Agency& a, const Agency& b) { return a.code < b.code; });
  for (size_t i = 1; i < agencies.size(); ++i) {
    if (agencies[i].code == agencies[i - 1].code) {
      return CatalogueInvalid(kAgenciesFile, agencies[i].code, "occurs twice");
    }
  }
  RETURN_IF_ERROR(AddAgencyChanges(folder, agencies));
  return agencies;
}

absl::StatusOr<Procedures> ReadProcedures(absl::string_view folder,
                                          const std::vector<Agency>& agencies) {
  ASSIGN_OR_RETURN(text::CsvTable table,
                   ReadTable(folder, kProceduresFile,
                             {"code", "name", "level", "field", "kind", "decision", "scope",
                              "sector_agency", "applicants", "channels"}));
  Procedures procedures;
  for (auto& row : table.rows) {
    ASSIGN_OR_RETURN(Procedure procedure, ToProcedure(row, agencies));
    if (!procedures.emplace(row[0], std::move(procedure)).second) {
      return CatalogueInvalid(kProceduresFile, row[0], "occurs twice");
    }
  }
  RETURN_IF_ERROR(AddTerms(folder, procedures));
  RETURN_IF_ERROR(AddFees(folder, procedures));
  RETURN_IF_ERROR(AddComponents(folder, procedures));
  for (auto& [code, procedure] : procedures) {
    RETURN_IF_ERROR(CheckTerms(procedure));
    SetChannelFees(procedure);
  }
  return procedures;
}

const Agency* FindCommuneOf(const std::vector<Agency>& agencies, absl::string_view place) {
  if (place.empty()) return nullptr;
  const auto it = std::find_if(agencies.begin(), agencies.end(),
                               [&](const Agency& agency) { return agency.place == place; });
  return it == agencies.end() ? nullptr : &*it;
}

const Agency* FindAgencyIn(const std::vector<Agency>& agencies, absl::string_view code) {
  const auto it = std::lower_bound(agencies.begin(), agencies.end(), code,
                                   [](const Agency& a, absl::string_view b) { return a.code < b; });
  return it != agencies.end() && it->code == code ? &*it : nullptr;
}

}  // namespace lgsp::dossiers
