// PURE: which papers a dossier needs, has and lacks, by the printed file list of its procedure, the
// policies of databases and stores, and what an officer stated.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/documents.pb.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/documents/document_policies.h"

namespace lgsp::dossiers {

// Stated papers are items from here on: beyond every printed list.
inline constexpr int kFirstStatedItem = 1001;

// The list as it stands: items, states, `missing`, `complete` and `supplement_items`; without name,
// etag, candidates and statement. `stated`: the last statement, cleaned; nullptr: none.
lgsp::dossiers::v1::FileList JudgeFileList(
    const Procedure& procedure, const DocumentPolicies& policies,
    const lgsp::dossiers::v1::StateFileListRequest* stated,
    const std::vector<lgsp::dossiers::v1::Document>& documents);

// The paper that a document may be: by its item. nullptr: none, or a remark.
const lgsp::dossiers::v1::FileListItem* FindPaper(const lgsp::dossiers::v1::FileList& list,
                                                  int item);

// What was given, checked against the procedure; text in NFC. INVALID_ARGUMENT PAPERS_INVALID,
// RULINGS_INVALID and those of CleanText.
absl::StatusOr<lgsp::dossiers::v1::StateFileListRequest> CleanStatement(
    const Procedure& procedure, const DocumentPolicies& policies,
    const lgsp::dossiers::v1::StateFileListRequest& given);

}  // namespace lgsp::dossiers
