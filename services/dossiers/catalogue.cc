#include "services/dossiers/catalogue.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Dossier;

constexpr char kAgenciesFile[] = "camau_agencies.csv";
constexpr char kProceduresFile[] = "tthc.csv";
constexpr char kTermsFile[] = "tthc_terms.csv";
constexpr char kDaysFile[] = "vn_civil_service_days_2021_2027.csv";
constexpr char kPoliciesFile[] = "procedure_policies.csv";
constexpr char kHoursFile[] = "working_hours.csv";

constexpr absl::string_view kAgencyKinds[] = {"DEPARTMENT", "CENTRAL_BRANCH", "COMMUNE",
                                              "SERVICE_CENTRE"};
constexpr absl::string_view kScopes[] = {"HERE", "CENTRAL", "OTHER_PROVINCE", "INTERNAL"};
constexpr absl::string_view kTermClasses[] = {"KNOWN", "OTHER", "NONE"};

template <typename Words>
bool IsOneOf(const Words& words, absl::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool IsChannel(const std::string& text) {
  Dossier::Channel channel;
  return Dossier::Channel_Parse(text, &channel) && channel != Dossier::CHANNEL_UNSPECIFIED;
}

absl::Status CheckChannels(const Procedure& procedure) {
  const std::vector<std::string> channels = absl::StrSplit(procedure.channels, '|');
  if (!std::all_of(channels.begin(), channels.end(), IsChannel)) {
    return CatalogueInvalid(kProceduresFile, procedure.code,
                            "channels are not DIRECT, ONLINE, POSTAL");
  }
  for (const std::string& channel : channels) {
    const auto of_channel = [&](const PrintedTerm& term) {
      return Dossier::Channel_Name(term.channel) == channel;
    };
    if (std::none_of(procedure.terms.begin(), procedure.terms.end(), of_channel)) {
      return CatalogueInvalid(kTermsFile, procedure.code, absl::StrCat("no term for ", channel));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<text::CsvTable> ReadTable(absl::string_view folder, absl::string_view file,
                                         const std::vector<absl::string_view>& columns) {
  ASSIGN_OR_RETURN(const std::string content, config::ReadFile(config::Resolve(folder, file)));
  return text::ParseCsv(file, content, columns);
}

}  // namespace

bool Procedure::Offers(Dossier::Channel channel) const {
  const std::vector<std::string> offered = absl::StrSplit(channels, '|');
  return std::find(offered.begin(), offered.end(), Dossier::Channel_Name(channel)) != offered.end();
}

absl::StatusOr<Catalogue> Catalogue::Load(absl::string_view folder) {
  Catalogue catalogue;
  RETURN_IF_ERROR(catalogue.LoadAgencies(folder));
  RETURN_IF_ERROR(catalogue.LoadProcedures(folder));
  RETURN_IF_ERROR(catalogue.LoadTerms(folder));
  for (const auto& [code, procedure] : catalogue.procedures_) {
    RETURN_IF_ERROR(CheckChannels(procedure));
  }
  ASSIGN_OR_RETURN(const std::string days, config::ReadFile(config::Resolve(folder, kDaysFile)));
  ASSIGN_OR_RETURN(catalogue.calendar_, Calendar::FromCsv(kDaysFile, days));
  RETURN_IF_ERROR(catalogue.LoadPolicies(folder));
  return catalogue;
}

absl::Status Catalogue::LoadPolicies(absl::string_view folder) {
  ASSIGN_OR_RETURN(const std::string policies,
                   config::ReadFile(config::Resolve(folder, kPoliciesFile)));
  ASSIGN_OR_RETURN(policies_, Policies::FromCsv(kPoliciesFile, policies));
  for (const std::string& code : policies_.Named()) {
    if (FindProcedure(code) == nullptr) {
      return CatalogueInvalid(kPoliciesFile, code, "is not a procedure");
    }
  }
  ASSIGN_OR_RETURN(const std::string hours, config::ReadFile(config::Resolve(folder, kHoursFile)));
  ASSIGN_OR_RETURN(hours_, AgencyHours::FromCsv(kHoursFile, hours));
  for (const std::string& code : hours_.Named()) {
    if (FindAgency(code) == nullptr) return CatalogueInvalid(kHoursFile, code, "is not an agency");
  }
  return absl::OkStatus();
}

absl::Status Catalogue::LoadAgencies(absl::string_view folder) {
  ASSIGN_OR_RETURN(text::CsvTable table,
                   ReadTable(folder, kAgenciesFile, {"agency_code", "name", "kind"}));
  for (auto& row : table.rows) {
    if (!IsOneOf(kAgencyKinds, row[2])) {
      return CatalogueInvalid(kAgenciesFile, row[0], "kind is not known");
    }
    agencies_.push_back({row[0], row[1], row[2] == "COMMUNE"});
  }
  std::sort(agencies_.begin(), agencies_.end(),
            [](const Agency& a, const Agency& b) { return a.code < b.code; });
  for (size_t i = 1; i < agencies_.size(); ++i) {
    if (agencies_[i].code == agencies_[i - 1].code) {
      return CatalogueInvalid(kAgenciesFile, agencies_[i].code, "occurs twice");
    }
  }
  return absl::OkStatus();
}

absl::Status Catalogue::LoadProcedures(absl::string_view folder) {
  ASSIGN_OR_RETURN(text::CsvTable table, ReadTable(folder, kProceduresFile,
                                                   {"code", "name", "level", "field", "scope",
                                                    "sector_agency", "channels"}));
  for (auto& row : table.rows) {
    Procedure procedure;
    procedure.code = row[0];
    procedure.name = row[1];
    procedure.field = row[3];
    procedure.scope = row[4];
    procedure.sector_agency = row[5];
    procedure.channels = row[6];
    if (row[2] == "Xã") {
      procedure.level = Procedure::Level::kCommune;
    } else if (row[2] != "Tỉnh") {
      return CatalogueInvalid(kProceduresFile, row[0], "level is neither Tỉnh nor Xã");
    }
    if (!IsOneOf(kScopes, procedure.scope)) {
      return CatalogueInvalid(kProceduresFile, row[0], "scope is not known");
    }
    const Agency* sector = FindAgency(procedure.sector_agency);
    if (sector == nullptr || sector->is_commune) {
      return CatalogueInvalid(kProceduresFile, row[0],
                              "sector_agency is not a department or branch");
    }
    if (!procedures_.emplace(row[0], std::move(procedure)).second) {
      return CatalogueInvalid(kProceduresFile, row[0], "occurs twice");
    }
  }
  return absl::OkStatus();
}

absl::Status Catalogue::LoadTerms(absl::string_view folder) {
  ASSIGN_OR_RETURN(
      text::CsvTable table,
      ReadTable(folder, kTermsFile, {"code", "row", "channel", "class", "amount", "unit"}));
  for (auto& row : table.rows) {
    const auto it = procedures_.find(row[0]);
    if (it == procedures_.end()) return CatalogueInvalid(kTermsFile, row[0], "is not a procedure");
    PrintedTerm term{0, Dossier::CHANNEL_UNSPECIFIED, row[3], row[4], row[5]};
    if (!absl::SimpleAtoi(row[1], &term.row) || term.row < 1 || !IsChannel(row[2])) {
      return CatalogueInvalid(kTermsFile, row[0], "row or channel is not valid");
    }
    Dossier::Channel_Parse(row[2], &term.channel);
    if (!IsOneOf(kTermClasses, term.term_class)) {
      return CatalogueInvalid(kTermsFile, row[0], "class is not known");
    }
    for (const PrintedTerm& before : it->second.terms) {
      if (before.row == term.row) {
        return CatalogueInvalid(kTermsFile, row[0],
                                absl::StrCat("row ", term.row, " occurs twice"));
      }
    }
    it->second.terms.push_back(std::move(term));
  }
  return absl::OkStatus();
}

const Procedure* Catalogue::FindProcedure(absl::string_view code) const {
  const auto it = procedures_.find(code);
  return it == procedures_.end() ? nullptr : &it->second;
}

const Agency* Catalogue::FindAgency(absl::string_view code) const {
  const auto it = std::lower_bound(agencies_.begin(), agencies_.end(), code,
                                   [](const Agency& a, absl::string_view b) { return a.code < b; });
  return it != agencies_.end() && it->code == code ? &*it : nullptr;
}

}  // namespace lgsp::dossiers
