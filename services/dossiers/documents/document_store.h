// SQL of documents. No business rules. What comes and goes sealed is so with the data key of the
// document's dossier.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/documents.pb.h"
#include "libs/keys/envelope.h"
#include "libs/sql/sql.h"

namespace lgsp::dossiers {

// Documents are `<dossier>/documents/<uuid>`, the list is `<dossier>/fileList`.
inline constexpr char kDocumentCollection[] = "documents";
inline constexpr char kFileListName[] = "fileList";
// A document does not change under its name.
inline constexpr int64_t kDocumentRevision = 1;

// A document with where its content is. The dossier is the beginning of its name.
struct StoredDocument {
  lgsp::dossiers::v1::Document document;
  std::string file;
  // Opens the file.
  keys::DataKey content_key;
};

// Keeps the dossier at `revision` until the transaction ends, so that what was decided by its state
// holds when it is written. RevisionConflict() when another was faster.
absl::Status HoldDossier(sql::Transaction& tx, absl::string_view dossier, int64_t revision);

// A new document. Its file is one that is new too, with its state of scan as in the document, or
// one that another document has: then NOT_FOUND DOCUMENT_NOT_FOUND when that is gone.
absl::Status InsertDocument(sql::Transaction& tx, const StoredDocument& stored,
                            const keys::DataKey& dossier_key);
absl::Status LinkDocument(sql::Transaction& tx, const StoredDocument& stored,
                          const keys::DataKey& dossier_key);

// NOT_FOUND DOCUMENT_NOT_FOUND, DATA_LOSS SEALED_DATA_INVALID.
absl::StatusOr<StoredDocument> LoadDocument(sql::Transaction& tx, absl::string_view name,
                                            const keys::DataKey& dossier_key);

// At most `limit` of a dossier after the document `after`, oldest first.
absl::StatusOr<std::vector<lgsp::dossiers::v1::Document>> ReadDocuments(
    sql::Transaction& tx, absl::string_view dossier, const keys::DataKey& dossier_key,
    absl::string_view after, int limit);

// Says whether nobody has the file any more: then it is to be removed after the commit.
absl::StatusOr<bool> DeleteDocument(sql::Transaction& tx, const StoredDocument& stored);

// Counts a document of `bytes`; what the documents of the dossier come to then.
struct DocumentTotals {
  int64_t documents = 0;
  int64_t bytes = 0;
};
absl::StatusOr<DocumentTotals> AddToTotals(sql::Transaction& tx, absl::string_view dossier,
                                           int64_t bytes);
absl::StatusOr<DocumentTotals> ReadTotals(sql::Transaction& tx, absl::string_view dossier);

// What was stated of a dossier's papers. `revision` 0: nothing.
struct StatedFileList {
  int64_t revision = 0;
  lgsp::dossiers::v1::StateFileListRequest stated;
  lgsp::dossiers::v1::Statement statement;
};
absl::StatusOr<StatedFileList> ReadStatement(sql::Transaction& tx, absl::string_view dossier,
                                             const keys::DataKey& dossier_key);
// Saves what has a revision one larger than what was read; RevisionConflict() when another was
// faster.
absl::Status SaveStatement(sql::Transaction& tx, absl::string_view dossier,
                           const StatedFileList& list, const keys::DataKey& dossier_key);

// Files that wait for a scan, each claimed until `claim_end`, at most `limit`.
absl::StatusOr<std::vector<std::string>> ClaimScans(sql::Transaction& tx, absl::Time now,
                                                    absl::Time claim_end, int limit);
// Has what was not scanned wait for a scan, among the next `limit` files after `after`; the last of
// these, empty: there are no more.
absl::StatusOr<std::string> ReopenScans(sql::Transaction& tx, absl::string_view after, int limit);
absl::Status SetScan(sql::Transaction& tx, absl::string_view file,
                     lgsp::dossiers::v1::Scan::State state, absl::Time now);
// Has a file that could not be scanned wait until `later`.
absl::Status PostponeScan(sql::Transaction& tx, absl::string_view file, absl::Time later);
absl::StatusOr<int64_t> CountPendingScans(sql::Transaction& tx);
// A document of a file; empty: it has none.
absl::StatusOr<std::string> FindDocumentOf(sql::Transaction& tx, absl::string_view file);

// Which files of documents there are from `first` to `last`, in order.
absl::StatusOr<std::vector<std::string>> FilesBetween(sql::Transaction& tx, absl::string_view first,
                                                      absl::string_view last);

// Deletes all documents of a dossier, and what was stated of its papers; its files are left for the
// sweep.
absl::Status DeleteDocumentsOf(sql::Transaction& tx, absl::string_view dossier);

}  // namespace lgsp::dossiers
