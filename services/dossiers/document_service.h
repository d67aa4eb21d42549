// gRPC adapter of documents and file lists. Content streams by in one handler's thread, a chunk at
// a time; the database is asked before and after, never meanwhile.
#pragma once

#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "lgsp/dossiers/v1/documents.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/durable/commands.h"
#include "libs/durable/subject_keys.h"
#include "libs/rpc/server.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue.h"
#include "services/dossiers/document_files.h"
#include "services/dossiers/document_policies.h"
#include "services/dossiers/document_store.h"
#include "services/dossiers/document_transfers.h"
#include "services/dossiers/document_upload.h"
#include "services/dossiers/dossier_store.h"

namespace lgsp::dossiers {

class DocumentService final : public lgsp::dossiers::v1::Documents::Service {
 public:
  // What the service works with; all outlive it.
  struct Parts {
    sql::Database* db;
    const durable::SubjectKeys* subject_keys;
    const Catalogue* catalogue;
    const DocumentPolicies* policies;
    const Clock* clock;
    const DossierStore* dossiers;
    const DocumentFiles* files;
    DocumentTransfers* transfers;
    // Of new content: PENDING where there is a scanner.
    lgsp::dossiers::v1::Scan::State first_scan_state;
  };
  explicit DocumentService(Parts parts) : parts_(parts) {}

  grpc::Status UploadDocument(grpc::ServerContext* context,
                              grpc::ServerReader<lgsp::dossiers::v1::UploadDocumentRequest>* reader,
                              lgsp::dossiers::v1::Document* response) override;
  grpc::Status DownloadDocument(
      grpc::ServerContext* context, const lgsp::dossiers::v1::DownloadDocumentRequest* request,
      grpc::ServerWriter<lgsp::dossiers::v1::DownloadDocumentResponse>* writer) override;
  grpc::Status GetDocument(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::GetDocumentRequest* request,
                           lgsp::dossiers::v1::Document* response) override;
  grpc::Status ListDocuments(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::ListDocumentsRequest* request,
                             lgsp::dossiers::v1::ListDocumentsResponse* response) override;
  grpc::Status DeleteDocument(grpc::ServerContext* context,
                              const lgsp::dossiers::v1::DeleteDocumentRequest* request,
                              lgsp::dossiers::v1::DeleteDocumentResponse* response) override;
  grpc::Status ReuseDocument(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::ReuseDocumentRequest* request,
                             lgsp::dossiers::v1::Document* response) override;
  grpc::Status GetFileList(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::GetFileListRequest* request,
                           lgsp::dossiers::v1::FileList* response) override;
  grpc::Status StateFileList(grpc::ServerContext* context,
                             const lgsp::dossiers::v1::StateFileListRequest* request,
                             lgsp::dossiers::v1::FileList* response) override;

 private:
  // Which dossier, and in whose course.
  struct Target {
    absl::string_view field;
    // As given: `dossiers/x` of whatever was named.
    std::string dossier;
  };
  using Decide = absl::FunctionRef<absl::StatusOr<std::string>(
      sql::Transaction&, const LoadedDossier& loaded, absl::Time now)>;

  // Runs a command in one transaction: repeated → its first answer; else `decide`, whose answer is
  // kept.
  absl::StatusOr<std::string> RunCommand(const rpc::CallContext& call, absl::Time deadline,
                                         const durable::Command& command, const Target& target,
                                         absl::string_view name_of_command, Decide decide) const;

  // The dossier, when it concerns the caller; else as if there were none.
  absl::StatusOr<LoadedDossier> LoadFor(sql::Transaction& tx, const lgsp::auth::v1::Caller& caller,
                                        const Target& target) const;
  // Whether the caller may add to or take from a dossier now.
  absl::Status CheckMayChange(const lgsp::auth::v1::Caller& caller, const LoadedDossier& loaded,
                              absl::string_view command, absl::Time now) const;
  // Refuses an upload that cannot succeed before its content comes.
  absl::Status CheckUpload(const rpc::CallContext& call, const durable::Command& command,
                           const Target& target, lgsp::dossiers::v1::Document document) const;
  absl::StatusOr<lgsp::dossiers::v1::Document> StoreUpload(
      const rpc::CallContext& call, absl::Time deadline, const durable::Command& command,
      const Target& target, const lgsp::dossiers::v1::Document& document,
      const ReceivedContent& received) const;
  // Gives a document with an item the item's title. INVALID_ARGUMENT ITEM_UNKNOWN.
  absl::Status SetTitle(sql::Transaction& tx, const LoadedDossier& loaded,
                        lgsp::dossiers::v1::Document& document) const;
  // Name, time and who.
  void Sign(const lgsp::auth::v1::Caller& caller, const LoadedDossier& loaded, absl::Time now,
            lgsp::dossiers::v1::Document& document) const;
  absl::Status CheckTotals(const DocumentTotals& totals) const;

  absl::StatusOr<lgsp::dossiers::v1::FileList> ReadFileList(sql::Transaction& tx,
                                                            const lgsp::auth::v1::Caller& caller,
                                                            const LoadedDossier& loaded,
                                                            absl::Time now) const;
  // Names earlier papers of the applicant for what is missing.
  absl::Status AddCandidates(sql::Transaction& tx, const lgsp::auth::v1::Caller& caller,
                             const LoadedDossier& loaded, absl::Time now,
                             lgsp::dossiers::v1::FileList& list) const;

  const Parts parts_;
};

}  // namespace lgsp::dossiers
