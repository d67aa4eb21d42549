#include "services/dossiers/competence.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Procedure;

constexpr char kAnywhere[] = "*";

}  // namespace

absl::StatusOr<Competences> Competences::FromCsv(absl::string_view name, absl::string_view content,
                                                 const std::vector<Agency>& agencies) {
  ASSIGN_OR_RETURN(text::CsvTable table,
                   text::ParseCsv(name, content, {"level", "field", "place", "agency", "basis"}));
  Competences competences;
  std::set<std::vector<std::string>> known;
  for (auto& row : table.rows) {
    const auto invalid = [&](absl::string_view what) {
      return CatalogueInvalid(name, row[1], what);
    };
    if (row[0] != "Tỉnh" && row[0] != "Xã") return invalid("level is neither Tỉnh nor Xã");
    if (row[2] != kAnywhere && FindCommuneOf(agencies, row[2]) == nullptr) {
      return invalid(absl::StrCat(row[2], " is not the code of a commune"));
    }
    if (FindAgencyIn(agencies, row[3]) == nullptr) {
      return invalid(absl::StrCat(row[3], " is not an agency"));
    }
    if (row[4].empty()) return invalid("names no basis");
    if (!known.insert({row[0], row[1], row[2], row[3]}).second) return invalid("occurs twice");
    competences.rows_.push_back({row[0] == "Xã" ? Procedure::COMMUNE : Procedure::PROVINCE,
                                 std::move(row[1]), std::move(row[2]), std::move(row[3])});
  }
  return competences;
}

std::vector<std::string> Competences::Of(const Procedure& procedure, absl::string_view place,
                                         const std::vector<Agency>& agencies) const {
  std::set<std::string> of_place, anywhere;
  for (const Row& row : rows_) {
    if (row.level != procedure.level() || row.field != procedure.field()) continue;
    if (row.place == kAnywhere) {
      anywhere.insert(row.agency);
    } else if (row.place == place) {
      of_place.insert(row.agency);
    }
  }
  const auto& found = of_place.empty() ? anywhere : of_place;
  if (!found.empty()) return {found.begin(), found.end()};
  if (procedure.level() == Procedure::PROVINCE) return {procedure.sector_agency()};
  const Agency* commune = FindCommuneOf(agencies, place);
  if (commune != nullptr) return {commune->code};
  return {};
}

}  // namespace lgsp::dossiers
