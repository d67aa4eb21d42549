#include "services/dossiers/documents/document_policies.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::PrintedComponent;
using lgsp::dossiers::v1::Source;

constexpr char kFile[] = "document_policies.csv";
constexpr char kAssumed[] = "assumed";

Source::Kind KindOf(absl::string_view policy) {
  if (policy == "NOT_DEMANDABLE") return Source::DATABASE;
  return policy == "FROM_STORE" ? Source::STORE : Source::KIND_UNSPECIFIED;
}

bool IsPaper(const Procedure& procedure, int item, absl::string_view title) {
  return std::any_of(procedure.components().begin(), procedure.components().end(),
                     [&](const PrintedComponent& component) {
                       return component.item() == item &&
                              component.kind() == PrintedComponent::PAPER && !title.empty() &&
                              component.title() == title;
                     });
}

}  // namespace

absl::StatusOr<DocumentPolicies> DocumentPolicies::Load(absl::string_view folder,
                                                        const Catalogue& catalogue) {
  ASSIGN_OR_RETURN(const std::string content, config::ReadFile(config::Resolve(folder, kFile)));
  ASSIGN_OR_RETURN(
      const text::CsvTable table,
      text::ParseCsv(kFile, content, {"procedure", "item", "title", "policy", "source", "basis"}));
  DocumentPolicies policies;
  for (const std::vector<std::string>& row : table.rows) {
    const auto invalid = [&](absl::string_view what) {
      return CatalogueInvalid(kFile, row[0], absl::StrCat("item ", row[1], " ", what));
    };
    const Procedure* procedure = catalogue.FindProcedure(row[0]);
    int item = 0;
    if (procedure == nullptr || !absl::SimpleAtoi(row[1], &item) ||
        !IsPaper(*procedure, item, row[2])) {
      return invalid("is no paper of this procedure with this title");
    }
    Row policy;
    policy.title = row[2];
    policy.source.set_kind(KindOf(row[3]));
    policy.source.set_display_name(row[4]);
    policy.source.set_basis(row[5]);
    policy.source.set_assumed(absl::StrContains(row[5], kAssumed));
    if (policy.source.kind() == Source::KIND_UNSPECIFIED) return invalid("has no known policy");
    if (row[4].empty() || row[5].empty()) return invalid("names no source or basis");
    if (!policies.rows_.emplace(std::make_pair(row[0], item), std::move(policy)).second) {
      return invalid("occurs twice");
    }
  }
  return policies;
}

const Source* DocumentPolicies::Find(absl::string_view procedure, int item,
                                     absl::string_view title) const {
  const auto it = rows_.find(std::make_pair(std::string(procedure), item));
  return it == rows_.end() || it->second.title != title ? nullptr : &it->second.source;
}

}  // namespace lgsp::dossiers
