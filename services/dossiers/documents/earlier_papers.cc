#include "services/dossiers/documents/earlier_papers.h"

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/ascii.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Dossier;

namespace {

using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Scan;

// As PersonIndex has it: without blanks and in capitals.
std::string IdOfApplicant(const Dossier& dossier) {
  std::string id = absl::AsciiStrToUpper(dossier.applicant().id_number());
  id.erase(std::remove_if(id.begin(), id.end(), absl::ascii_isspace), id.end());
  return id;
}

absl::string_view NationalityOf(const Dossier& dossier) {
  const std::string& given = dossier.applicant().nationality();
  // Both of one type: else it would be a view of a temporary string.
  return given.empty() ? absl::string_view("VN") : absl::string_view(given);
}

}  // namespace

bool SameApplicant(const Dossier& one, const Dossier& other) {
  return one.applicant().kind() == other.applicant().kind() &&
         NationalityOf(one) == NationalityOf(other) && !IdOfApplicant(one).empty() &&
         IdOfApplicant(one) == IdOfApplicant(other);
}

absl::StatusOr<std::vector<Document>> FindEarlierPapers(
    sql::Transaction& tx, const DossierStore& dossiers, const Dossier& dossier,
    const std::vector<std::string>& agencies,
    absl::FunctionRef<bool(const Dossier& plain)> visible) {
  // Names sort by time.
  std::set<std::string, std::greater<>> names;
  PersonQuery applicant;
  applicant.id_number = dossier.applicant().id_number();
  for (const std::string& agency : agencies) {
    ASSIGN_OR_RETURN(const std::vector<std::string> found,
                     dossiers.persons().Find(tx, agency, applicant, "", kMaxEarlierDossiers));
    names.insert(found.begin(), found.end());
  }
  names.erase(dossier.name());
  std::vector<Document> papers;
  for (const std::string& name : names) {
    const auto earlier = dossiers.Load(tx, IdOf(name), visible);
    // Gone, erased or damaged: it must not keep the others from being found.
    if (absl::IsNotFound(earlier.status()) || absl::IsDataLoss(earlier.status())) continue;
    RETURN_IF_ERROR(earlier.status());
    if (!SameApplicant(earlier->dossier, dossier)) continue;
    ASSIGN_OR_RETURN(std::vector<Document> documents,
                     ReadDocuments(tx, name, earlier->key, "", kMaxDocuments));
    for (Document& document : documents) {
      if (document.scan().state() != Scan::INFECTED) papers.push_back(std::move(document));
    }
  }
  return papers;
}

}  // namespace lgsp::dossiers
