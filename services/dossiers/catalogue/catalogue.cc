#include "services/dossiers/catalogue/catalogue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::Policy;

constexpr char kDaysFile[] = "vn_civil_service_days_2021_2027.csv";
constexpr char kPoliciesFile[] = "procedure_policies.csv";
constexpr char kCompetencesFile[] = "competences.csv";
constexpr char kHoursFile[] = "working_hours.csv";

absl::StatusOr<std::string> ReadFile(absl::string_view folder, absl::string_view file) {
  return config::ReadFile(config::Resolve(folder, file));
}

absl::StatusOr<size_t> FindCentre(const std::vector<Agency>& agencies) {
  const auto is_centre = [](const Agency& a) { return a.kind == Agency::Kind::kServiceCentre; };
  if (std::count_if(agencies.begin(), agencies.end(), is_centre) != 1) {
    return CatalogueInvalid("camau_agencies.csv", "SERVICE_CENTRE", "must be there once");
  }
  return std::find_if(agencies.begin(), agencies.end(), is_centre) - agencies.begin();
}

}  // namespace

bool Offers(const Procedure& procedure, Dossier::Channel channel) {
  return std::find(procedure.channels().begin(), procedure.channels().end(), channel) !=
         procedure.channels().end();
}

absl::StatusOr<Catalogue> Catalogue::Load(absl::string_view folder) {
  Catalogue catalogue;
  ASSIGN_OR_RETURN(catalogue.agencies_, ReadAgencies(folder));
  ASSIGN_OR_RETURN(catalogue.centre_, FindCentre(catalogue.agencies_));
  ASSIGN_OR_RETURN(const std::string competences, ReadFile(folder, kCompetencesFile));
  ASSIGN_OR_RETURN(catalogue.competences_,
                   Competences::FromCsv(kCompetencesFile, competences, catalogue.agencies_));
  ASSIGN_OR_RETURN(auto procedures, ReadProcedures(folder, catalogue.agencies_));
  absl::btree_map<std::string, Versions> versions;
  for (auto& [code, procedure] : procedures) {
    procedure.set_version(1);
    versions[code].push_back(std::move(procedure));
  }
  RETURN_IF_ERROR(catalogue.LoadPolicies(folder, versions));
  catalogue.SetProcedures(std::move(versions));
  ASSIGN_OR_RETURN(const std::string days, ReadFile(folder, kDaysFile));
  ASSIGN_OR_RETURN(catalogue.calendar_, Calendar::FromCsv(kDaysFile, days));
  ASSIGN_OR_RETURN(const std::string hours, ReadFile(folder, kHoursFile));
  ASSIGN_OR_RETURN(catalogue.hours_, AgencyHours::FromCsv(kHoursFile, hours));
  for (const std::string& code : catalogue.hours_.Named()) {
    if (catalogue.FindAgency(code) == nullptr) {
      return CatalogueInvalid(kHoursFile, code, "is not an agency");
    }
  }
  return catalogue;
}

absl::Status Catalogue::LoadPolicies(absl::string_view folder,
                                     absl::btree_map<std::string, Versions>& procedures) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(folder, kPoliciesFile));
  ASSIGN_OR_RETURN(const Policies policies, Policies::FromCsv(kPoliciesFile, content));
  for (const std::string& code : policies.Named()) {
    if (!procedures.contains(code)) {
      return CatalogueInvalid(kPoliciesFile, code, "is not a procedure");
    }
  }
  for (auto& [code, versions] : procedures) {
    for (Policy& policy : policies.Of(code)) *versions.back().add_policies() = std::move(policy);
  }
  return absl::OkStatus();
}

void Catalogue::SetProcedures(absl::btree_map<std::string, Versions> procedures) {
  procedures_ = std::move(procedures);
  folded_.clear();
  policies_.clear();
  for (const auto& [code, versions] : procedures_) {
    for (const Procedure& version : versions) policies_[code].push_back(ReadPolicies(version));
    const Procedure& newest = versions.back();
    if (newest.withdrawn()) continue;
    folded_[code] = text::Fold(absl::StrCat(newest.display_name(), " ", newest.field()));
  }
}

void Catalogue::KeepWhatDecides() {
  // Through one block of bytes, with all else gone in between: what stays would lie between what
  // goes, and keep each of its pages.
  std::string bytes;
  std::vector<size_t> sizes;
  for (auto& [code, versions] : procedures_) {
    for (Procedure& version : versions) {
      version.clear_fees();
      version.clear_components();
      version.clear_policies();
      const size_t before = bytes.size();
      version.AppendToString(&bytes);
      sizes.push_back(bytes.size() - before);
    }
  }
  procedures_.clear();
  const char* at = bytes.data();
  for (const size_t size : sizes) {
    Procedure kept;
    kept.ParseFromArray(at, static_cast<int>(size));
    at += size;
    procedures_[kept.code()].push_back(std::move(kept));
  }
}

const Procedure* Catalogue::FindProcedure(absl::string_view code) const {
  const auto it = procedures_.find(code);
  if (it == procedures_.end() || it->second.back().withdrawn()) return nullptr;
  return &it->second.back();
}

const Procedure* Catalogue::FindVersion(absl::string_view code, int64_t version) const {
  const auto it = procedures_.find(code);
  if (it == procedures_.end()) return nullptr;
  const auto found = std::find_if(it->second.begin(), it->second.end(),
                                  [&](const Procedure& p) { return p.version() == version; });
  return found == it->second.end() ? nullptr : &*found;
}

const Procedure* Catalogue::ProcedureOf(const Dossier& dossier) const {
  return FindVersion(dossier.procedure(), dossier.procedure_version());
}

ProcedurePolicies Catalogue::PoliciesOf(const Dossier& dossier) const {
  const Procedure* procedure = ProcedureOf(dossier);
  return procedure == nullptr ? ProcedurePolicies() : PoliciesOf(*procedure);
}

ProcedurePolicies Catalogue::PoliciesOf(const Procedure& procedure) const {
  const auto it = procedures_.find(procedure.code());
  if (it == procedures_.end()) return {};
  for (size_t i = 0; i < it->second.size(); ++i) {
    if (it->second[i].version() == procedure.version()) {
      return policies_.find(procedure.code())->second[i];
    }
  }
  return {};
}

std::vector<const Procedure*> Catalogue::Search(absl::string_view query, Procedure::Scope scope,
                                                absl::string_view after, size_t limit) const {
  const std::string folded = text::Fold(query);
  const std::vector<absl::string_view> words = absl::StrSplit(folded, ' ', absl::SkipEmpty());
  std::vector<const Procedure*> found;
  for (auto it = folded_.upper_bound(after); it != folded_.end() && found.size() < limit; ++it) {
    const Procedure& procedure = procedures_.find(it->first)->second.back();
    if (scope != Procedure::SCOPE_UNSPECIFIED && procedure.scope() != scope) continue;
    const bool fits = std::all_of(words.begin(), words.end(), [&](absl::string_view word) {
      return absl::StrContains(it->second, word) || absl::StartsWith(it->first, word);
    });
    if (fits) found.push_back(&procedure);
  }
  return found;
}

const Agency* Catalogue::FindAgency(absl::string_view code) const {
  return FindAgencyIn(agencies_, code);
}

std::string Catalogue::ActingAgency(absl::string_view code, absl::CivilDay day) const {
  const Agency* agency = FindAgency(code);
  while (agency != nullptr && day > agency->last_day) agency = FindAgency(agency->successor);
  return agency == nullptr ? std::string(code) : agency->code;
}

}  // namespace lgsp::dossiers
