#include "services/dossiers/catalogue.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Dossier;

constexpr char kAgenciesFile[] = "camau_agencies.csv";
constexpr char kProceduresFile[] = "tthc.csv";
constexpr char kTermsFile[] = "tthc_terms.csv";
constexpr char kDaysFile[] = "vn_civil_service_days_2021_2027.csv";

absl::Status Invalid(absl::string_view file, absl::string_view code, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CATALOGUE_INVALID",
                   absl::StrCat(file, ": ", code, ": ", what), {{"file", file}, {"code", code}});
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
  ASSIGN_OR_RETURN(const std::string days, config::ReadFile(config::Resolve(folder, kDaysFile)));
  ASSIGN_OR_RETURN(catalogue.calendar_, Calendar::FromCsv(kDaysFile, days));
  return catalogue;
}

absl::Status Catalogue::LoadAgencies(absl::string_view folder) {
  ASSIGN_OR_RETURN(text::CsvTable table,
                   ReadTable(folder, kAgenciesFile, {"agency_code", "name", "kind"}));
  for (auto& row : table.rows) agencies_.push_back({row[0], row[1], row[2] == "COMMUNE"});
  std::sort(agencies_.begin(), agencies_.end(),
            [](const Agency& a, const Agency& b) { return a.code < b.code; });
  for (size_t i = 1; i < agencies_.size(); ++i) {
    if (agencies_[i].code == agencies_[i - 1].code) {
      return Invalid(kAgenciesFile, agencies_[i].code, "occurs twice");
    }
  }
  return absl::OkStatus();
}

absl::Status Catalogue::LoadProcedures(absl::string_view folder) {
  ASSIGN_OR_RETURN(text::CsvTable table, ReadTable(folder, kProceduresFile,
                                                   {"code", "name", "level", "field", "scope",
                                                    "sector_agency", "channels"}));
  for (auto& row : table.rows) {
    Procedure procedure{row[0], row[1], row[3], Procedure::Level::kProvince,
                        row[4], row[5], row[6], {}};
    if (row[2] == "Xã") {
      procedure.level = Procedure::Level::kCommune;
    } else if (row[2] != "Tỉnh") {
      return Invalid(kProceduresFile, row[0], "level is neither Tỉnh nor Xã");
    }
    if (FindAgency(procedure.sector_agency) == nullptr) {
      return Invalid(kProceduresFile, row[0], "sector_agency is not an agency");
    }
    if (!procedures_.emplace(row[0], std::move(procedure)).second) {
      return Invalid(kProceduresFile, row[0], "occurs twice");
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
    if (it == procedures_.end()) return Invalid(kTermsFile, row[0], "is not a procedure");
    PrintedTerm term{0, Dossier::CHANNEL_UNSPECIFIED, row[3], row[4], row[5]};
    if (!absl::SimpleAtoi(row[1], &term.row) || term.row < 1 ||
        !Dossier::Channel_Parse(row[2], &term.channel)) {
      return Invalid(kTermsFile, row[0], "row or channel is not valid");
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
