// What an applicant gave with earlier dossiers, so that it need not be asked for again.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lgsp/dossiers/v1/documents.pb.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/dossier_store.h"

namespace lgsp::dossiers {

// By kind and ID number: names are written in many ways. An old ID number is no proof.
bool SameApplicant(const lgsp::dossiers::v1::Dossier& one,
                   const lgsp::dossiers::v1::Dossier& other);

// Documents, not infected, of other dossiers of the applicant of `dossier`, the newest dossier
// first: those in the lists of `agencies`, at most kMaxEarlierDossiers of each, that are `visible`.
absl::StatusOr<std::vector<lgsp::dossiers::v1::Document>> FindEarlierPapers(
    sql::Transaction& tx, const DossierStore& dossiers, const lgsp::dossiers::v1::Dossier& dossier,
    const std::vector<std::string>& agencies,
    absl::FunctionRef<bool(const lgsp::dossiers::v1::Dossier& plain)> visible);

}  // namespace lgsp::dossiers
