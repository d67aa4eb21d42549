// gRPC adapter of documents and file lists. Content streams by in one handler's thread, a chunk at
// a time; the database is asked before and after, never meanwhile.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "lgsp/dossiers/v1/documents.grpc.pb.h"
#include "libs/rpc/server.h"
#include "libs/sql/sql.h"
#include "services/dossiers/documents/document_files.h"
#include "services/dossiers/documents/document_policies.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/documents/document_transfers.h"
#include "services/dossiers/documents/document_upload.h"
#include "services/dossiers/part_commands.h"

namespace lgsp::dossiers {

class DocumentService final : public lgsp::dossiers::v1::Documents::Service {
 public:
  // What the service works with; all outlive it.
  struct Parts {
    const PartCommands* commands;
    const DocumentPolicies* policies;
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
  using Target = PartCommands::Target;

  // As PartCommands::Run, for who may change the documents now.
  absl::StatusOr<std::string> RunCommand(const rpc::CallContext& call, absl::Time deadline,
                                         const durable::Command& command, const Target& target,
                                         absl::string_view name_of_command,
                                         PartCommands::Decide decide) const;
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

  // Without candidates.
  absl::StatusOr<lgsp::dossiers::v1::FileList> ReadFileList(sql::Transaction& tx,
                                                            const LoadedDossier& loaded) const;
  // Names earlier papers of the applicant for what is missing.
  absl::Status AddCandidates(sql::Transaction& tx, const lgsp::auth::v1::Caller& caller,
                             const LoadedDossier& loaded, absl::Time now,
                             lgsp::dossiers::v1::FileList& list) const;

  // Says that a document was added.
  absl::Status TellAdded(sql::Transaction& tx, const rpc::CallContext& call,
                         const LoadedDossier& loaded, absl::Time now,
                         const lgsp::dossiers::v1::Document& document) const;

  const PartCommands& commands() const { return *parts_.commands; }
  const DossierStore& store() const { return commands().parts().changes->store(); }
  const Catalogue& catalogue() const { return *commands().parts().catalogue; }
  const Clock& clock() const { return *commands().parts().clock; }

  const Parts parts_;
};

}  // namespace lgsp::dossiers
