#include "services/dossiers/documents/document_store.h"

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_errors.h"
#include "services/dossiers/part_names.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Scan;

constexpr size_t kContentKeyBytes = 32;

std::string SealContext(absl::string_view name) { return absl::StrCat("documents.sealed\n", name); }
std::string ListContext(absl::string_view dossier) {
  return absl::StrCat("file_lists.sealed\n", dossier);
}

// Moves what is personal out of `document`; the parts of other tables are dropped.
Document TakePersonal(Document& document) {
  Document personal;
  personal.set_title(document.title());
  personal.set_file_name(document.file_name());
  personal.set_sha256(document.sha256());
  personal.set_origin_reference(document.origin_reference());
  document.clear_title();
  document.clear_file_name();
  document.clear_sha256();
  document.clear_origin_reference();
  document.clear_etag();
  document.clear_scan();
  return personal;
}

// Columns name, file, body, sealed, scan_state, scan_time.
absl::StatusOr<StoredDocument> FromRow(const sql::Row& row, const keys::DataKey& dossier_key) {
  StoredDocument stored;
  const std::string& name = row.Text(0);
  stored.file = row.Text(1);
  ASSIGN_OR_RETURN(const std::string opened,
                   keys::Open(dossier_key, row.Blob(3), SealContext(name)));
  Document personal;
  const bool readable = opened.size() >= kContentKeyBytes &&
                        stored.document.ParseFromString(row.Blob(2)) &&
                        personal.ParseFromString(opened.substr(kContentKeyBytes));
  if (!readable) {
    return MakeError(absl::StatusCode::kDataLoss, "SEALED_DATA_INVALID",
                     "the stored document is damaged", {{"name", name}});
  }
  stored.content_key = opened.substr(0, kContentKeyBytes);
  stored.document.MergeFrom(personal);
  stored.document.set_etag(aip::Etag(name, kDocumentRevision));
  stored.document.mutable_scan()->set_state(static_cast<Scan::State>(row.Int(4)));
  *stored.document.mutable_scan()->mutable_time() = ToTimestamp(row.Time(5));
  return stored;
}

absl::Status InsertRow(sql::Transaction& tx, const StoredDocument& stored,
                       const keys::DataKey& dossier_key) {
  Document plain = stored.document;
  const Document personal = TakePersonal(plain);
  return tx
      .Execute(
          "INSERT INTO documents (name, dossier, file, body, sealed) "
          "VALUES (:name, :dossier, :file, :body, :sealed)",
          {{"name", plain.name()},
           {"dossier", DossierOf(plain.name())},
           {"file", stored.file},
           {"body", sql::Bytes{plain.SerializeAsString()}},
           {"sealed",
            sql::Bytes{keys::Seal(dossier_key,
                                  absl::StrCat(stored.content_key, personal.SerializeAsString()),
                                  SealContext(plain.name()))}}})
      .status();
}

// Takes `count` documents from a file; says whether it has none any more.
absl::StatusOr<bool> Unlink(sql::Transaction& tx, absl::string_view file, int64_t count) {
  RETURN_IF_ERROR(tx.Execute("UPDATE document_contents SET links = links - :count "
                             "WHERE file = :file",
                             {{"count", count}, {"file", file}})
                      .status());
  ASSIGN_OR_RETURN(const sql::Result deleted,
                   tx.Execute("DELETE FROM document_contents WHERE file = :file AND links <= 0",
                              {{"file", file}}));
  return deleted.changed == 1;
}

}  // namespace

absl::Status HoldDossier(sql::Transaction& tx, absl::string_view dossier, int64_t revision) {
  ASSIGN_OR_RETURN(const sql::Result held, tx.Execute("UPDATE dossiers SET revision = :revision "
                                                      "WHERE name = :name AND revision = :revision",
                                                      {{"name", dossier}, {"revision", revision}}));
  return held.changed == 1 ? absl::OkStatus() : sql::RevisionConflict();
}

absl::Status InsertDocument(sql::Transaction& tx, const StoredDocument& stored,
                            const keys::DataKey& dossier_key) {
  RETURN_IF_ERROR(tx.Execute("INSERT INTO document_contents (file, links, scan_state, scan_time, "
                             "claimed_until) VALUES (:file, 1, :state, :time, 0)",
                             {{"file", stored.file},
                              {"state", static_cast<int>(stored.document.scan().state())},
                              {"time", ToTime(stored.document.scan().time())}})
                      .status());
  return InsertRow(tx, stored, dossier_key);
}

absl::Status LinkDocument(sql::Transaction& tx, const StoredDocument& stored,
                          const keys::DataKey& dossier_key) {
  ASSIGN_OR_RETURN(const sql::Result linked,
                   tx.Execute("UPDATE document_contents SET links = links + 1 "
                              "WHERE file = :file AND links > 0",
                              {{"file", stored.file}}));
  if (linked.changed != 1) return DocumentNotFound();
  return InsertRow(tx, stored, dossier_key);
}

absl::StatusOr<StoredDocument> LoadDocument(sql::Transaction& tx, absl::string_view name,
                                            const keys::DataKey& dossier_key) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT d.name, d.file, d.body, d.sealed, c.scan_state, c.scan_time "
                              "FROM documents d JOIN document_contents c ON c.file = d.file "
                              "WHERE d.name = :name",
                              {{"name", name}}));
  if (found.rows.empty()) return DocumentNotFound();
  return FromRow(found.rows[0], dossier_key);
}

absl::StatusOr<std::vector<Document>> ReadDocuments(sql::Transaction& tx, absl::string_view dossier,
                                                    const keys::DataKey& dossier_key,
                                                    absl::string_view after, int limit) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT d.name, d.file, d.body, d.sealed, c.scan_state, c.scan_time "
                 "FROM documents d JOIN document_contents c ON c.file = d.file "
                 "WHERE d.dossier = :dossier AND d.name > :after ORDER BY d.name LIMIT :limit",
                 {{"dossier", dossier}, {"after", after}, {"limit", limit}}));
  std::vector<Document> documents;
  for (const sql::Row& row : found.rows) {
    ASSIGN_OR_RETURN(StoredDocument stored, FromRow(row, dossier_key));
    documents.push_back(std::move(stored.document));
  }
  return documents;
}

absl::StatusOr<bool> DeleteDocument(sql::Transaction& tx, const StoredDocument& stored) {
  const std::string& name = stored.document.name();
  ASSIGN_OR_RETURN(const sql::Result deleted,
                   tx.Execute("DELETE FROM documents WHERE name = :name", {{"name", name}}));
  if (deleted.changed != 1) return sql::RevisionConflict();
  RETURN_IF_ERROR(
      tx.Execute("UPDATE document_totals SET documents = documents - 1, "
                 "bytes = bytes - :bytes WHERE dossier = :dossier",
                 {{"bytes", stored.document.size_bytes()}, {"dossier", DossierOf(name)}})
          .status());
  return Unlink(tx, stored.file, 1);
}

absl::StatusOr<DocumentTotals> AddToTotals(sql::Transaction& tx, absl::string_view dossier,
                                           int64_t bytes) {
  ASSIGN_OR_RETURN(const sql::Result counted,
                   tx.Execute("INSERT INTO document_totals (dossier, documents, bytes) "
                              "VALUES (:dossier, 1, :bytes) ON CONFLICT (dossier) DO UPDATE SET "
                              "documents = document_totals.documents + 1, "
                              "bytes = document_totals.bytes + :bytes RETURNING documents, bytes",
                              {{"dossier", dossier}, {"bytes", bytes}}));
  return DocumentTotals{counted.rows[0].Int(0), counted.rows[0].Int(1)};
}

absl::StatusOr<DocumentTotals> ReadTotals(sql::Transaction& tx, absl::string_view dossier) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT documents, bytes FROM document_totals WHERE dossier = :dossier",
                 {{"dossier", dossier}}));
  if (found.rows.empty()) return DocumentTotals();
  return DocumentTotals{found.rows[0].Int(0), found.rows[0].Int(1)};
}

absl::StatusOr<StatedFileList> ReadStatement(sql::Transaction& tx, absl::string_view dossier,
                                             const keys::DataKey& dossier_key) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT revision, time, system, officer, sealed FROM file_lists "
                              "WHERE dossier = :dossier",
                              {{"dossier", dossier}}));
  StatedFileList list;
  if (found.rows.empty()) return list;
  const sql::Row& row = found.rows[0];
  ASSIGN_OR_RETURN(const std::string opened,
                   keys::Open(dossier_key, row.Blob(4), ListContext(dossier)));
  if (!list.stated.ParseFromString(opened)) {
    return MakeError(absl::StatusCode::kDataLoss, "SEALED_DATA_INVALID",
                     "the stored statement is damaged", {{"name", dossier}});
  }
  list.revision = row.Int(0);
  *list.statement.mutable_time() = ToTimestamp(row.Time(1));
  list.statement.set_system(row.Text(2));
  list.statement.set_officer(row.Text(3));
  list.statement.set_basis(list.stated.basis());
  return list;
}

absl::Status SaveStatement(sql::Transaction& tx, absl::string_view dossier,
                           const StatedFileList& list, const keys::DataKey& dossier_key) {
  ASSIGN_OR_RETURN(
      const sql::Result saved,
      tx.Execute("INSERT INTO file_lists (dossier, revision, time, system, officer, sealed) "
                 "VALUES (:dossier, :revision, :time, :system, :officer, :sealed) "
                 "ON CONFLICT (dossier) DO UPDATE SET revision = :revision, time = :time, "
                 "system = :system, officer = :officer, sealed = :sealed "
                 "WHERE file_lists.revision = :loaded",
                 {{"dossier", dossier},
                  {"revision", list.revision},
                  {"time", ToTime(list.statement.time())},
                  {"system", list.statement.system()},
                  {"officer", list.statement.officer()},
                  {"sealed", sql::Bytes{keys::Seal(dossier_key, list.stated.SerializeAsString(),
                                                   ListContext(dossier))}},
                  {"loaded", list.revision - 1}}));
  return saved.changed == 1 ? absl::OkStatus() : sql::RevisionConflict();
}

absl::StatusOr<std::vector<std::string>> ClaimScans(sql::Transaction& tx, absl::Time now,
                                                    absl::Time claim_end, int limit) {
  ASSIGN_OR_RETURN(const sql::Result claimed,
                   tx.Execute("UPDATE document_contents SET claimed_until = :end WHERE file IN "
                              "(SELECT file FROM document_contents WHERE scan_state = 1 "
                              "AND claimed_until < :now ORDER BY claimed_until LIMIT :limit) "
                              "AND claimed_until < :now RETURNING file",
                              {{"end", claim_end}, {"now", now}, {"limit", limit}}));
  std::vector<std::string> files;
  for (const sql::Row& row : claimed.rows) files.push_back(row.Text(0));
  return files;
}

absl::StatusOr<std::string> ReopenScans(sql::Transaction& tx, absl::string_view after, int limit) {
  ASSIGN_OR_RETURN(const sql::Result files,
                   tx.Execute("SELECT file FROM document_contents WHERE file > :after "
                              "ORDER BY file LIMIT :limit",
                              {{"after", after}, {"limit", limit}}));
  if (files.rows.empty()) return std::string();
  const std::string last = files.rows.back().Text(0);
  RETURN_IF_ERROR(tx.Execute("UPDATE document_contents SET scan_state = :pending "
                             "WHERE file > :after AND file <= :last AND scan_state = :skipped",
                             {{"pending", static_cast<int>(Scan::PENDING)},
                              {"skipped", static_cast<int>(Scan::NOT_SCANNED)},
                              {"after", after},
                              {"last", last}})
                      .status());
  return last;
}

absl::Status SetScan(sql::Transaction& tx, absl::string_view file, Scan::State state,
                     absl::Time now) {
  return tx
      .Execute(
          "UPDATE document_contents SET scan_state = :state, scan_time = :now, claimed_until = 0 "
          "WHERE file = :file",
          {{"state", static_cast<int>(state)}, {"now", now}, {"file", file}})
      .status();
}

absl::Status PostponeScan(sql::Transaction& tx, absl::string_view file, absl::Time later) {
  return tx
      .Execute("UPDATE document_contents SET claimed_until = :later WHERE file = :file",
               {{"later", later}, {"file", file}})
      .status();
}

absl::StatusOr<int64_t> CountPendingScans(sql::Transaction& tx) {
  ASSIGN_OR_RETURN(const sql::Result counted,
                   tx.Execute("SELECT COUNT(file) FROM document_contents WHERE scan_state = 1"));
  return counted.rows[0].Int(0);
}

absl::StatusOr<std::string> FindDocumentOf(sql::Transaction& tx, absl::string_view file) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT name FROM documents WHERE file = :file ORDER BY name LIMIT 1",
                              {{"file", file}}));
  return found.rows.empty() ? "" : found.rows[0].Text(0);
}

absl::StatusOr<std::vector<std::string>> FilesBetween(sql::Transaction& tx, absl::string_view first,
                                                      absl::string_view last) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT file FROM document_contents WHERE file >= :first "
                              "AND file <= :last ORDER BY file",
                              {{"first", first}, {"last", last}}));
  std::vector<std::string> files;
  files.reserve(found.rows.size());
  for (const sql::Row& row : found.rows) files.push_back(row.Text(0));
  return files;
}

absl::Status DeleteDocumentsOf(sql::Transaction& tx, absl::string_view dossier) {
  for (const char* statement :
       {"UPDATE document_contents SET links = links - (SELECT COUNT(*) FROM documents d "
        "WHERE d.file = document_contents.file AND d.dossier = :dossier) "
        "WHERE file IN (SELECT file FROM documents WHERE dossier = :dossier)",
        "DELETE FROM document_contents WHERE links <= 0 "
        "AND file IN (SELECT file FROM documents WHERE dossier = :dossier)",
        "DELETE FROM documents WHERE dossier = :dossier",
        "DELETE FROM document_totals WHERE dossier = :dossier",
        "DELETE FROM file_lists WHERE dossier = :dossier"}) {
    RETURN_IF_ERROR(tx.Execute(statement, {{"dossier", dossier}}).status());
  }
  return absl::OkStatus();
}

}  // namespace lgsp::dossiers
