// File lists: judged, stated, and what is reused for them.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/dossiers/catalogue/catalogue_store.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/documents/document_errors.h"
#include "services/dossiers/documents/document_service.h"
#include "services/dossiers/documents/earlier_papers.h"
#include "services/dossiers/documents/file_list.h"
#include "services/dossiers/lifecycle.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/part_names.h"

namespace lgsp::dossiers {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::FileList;
using lgsp::dossiers::v1::FileListItem;
using lgsp::dossiers::v1::GetFileListRequest;
using lgsp::dossiers::v1::ReuseDocumentRequest;
using lgsp::dossiers::v1::Scan;
using lgsp::dossiers::v1::StateFileListRequest;

namespace {

constexpr char kReuse[] = "reuse-document";
constexpr char kState[] = "state-file-list";

std::string NameOfList(const LoadedDossier& loaded) {
  return absl::StrCat(loaded.dossier.name(), "/", kFileListName);
}

}  // namespace

absl::StatusOr<FileList> DocumentService::ReadFileList(sql::Transaction& tx,
                                                       const LoadedDossier& loaded) const {
  const Dossier& dossier = loaded.dossier;
  ASSIGN_OR_RETURN(const Procedure procedure,
                   LoadProcedure(tx, dossier.procedure(), dossier.procedure_version()));
  ASSIGN_OR_RETURN(const StatedFileList stated, ReadStatement(tx, dossier.name(), loaded.key));
  ASSIGN_OR_RETURN(const std::vector<Document> documents,
                   ReadDocuments(tx, dossier.name(), loaded.key, "", kMaxDocuments));
  FileList list = JudgeFileList(procedure, *parts_.policies, &stated.stated, documents);
  list.set_name(NameOfList(loaded));
  list.set_etag(aip::Etag(list.name(), stated.revision));
  if (stated.revision > 0) *list.mutable_statement() = stated.statement;
  return list;
}

absl::Status DocumentService::AddCandidates(sql::Transaction& tx, const Caller& caller,
                                            const LoadedDossier& loaded, absl::Time now,
                                            FileList& list) const {
  const auto visible = [&](const Dossier& plain) {
    return Concerns(catalogue(), caller, plain, now);
  };
  std::vector<std::string> agencies = AgenciesOf(loaded.dossier);
  agencies.erase(
      std::remove_if(agencies.begin(), agencies.end(),
                     [&](const std::string& agency) { return !auth::ActsFor(caller, agency); }),
      agencies.end());
  ASSIGN_OR_RETURN(const std::vector<Document> papers,
                   FindEarlierPapers(tx, store(), loaded.dossier, agencies, visible));
  for (FileListItem& item : *list.mutable_items()) {
    if (item.state() != FileListItem::MISSING) continue;
    const std::string title = text::FoldCase(item.title());
    for (const Document& paper : papers) {
      if (item.candidates_size() == kMaxCandidates) break;
      if (text::FoldCase(paper.title()) == title) item.add_candidates(paper.name());
    }
  }
  return absl::OkStatus();
}

grpc::Status DocumentService::ReuseDocument(grpc::ServerContext* context,
                                            const ReuseDocumentRequest* request,
                                            Document* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(aip::CheckRequestId(request->request_id()));
    ASSIGN_OR_RETURN(const PartName source,
                     ParsePartName("source", request->source(), kDocumentCollection));
    const auto command =
        durable::MakeCommand(call.caller.system(), request->request_id(), kReuse, *request);
    const auto reuse = [&](sql::Transaction& tx, const LoadedDossier& loaded,
                           absl::Time now) -> absl::StatusOr<std::string> {
      ASSIGN_OR_RETURN(const LoadedDossier earlier,
                       commands().LoadFor(tx, call.caller, {"source", source.dossier}));
      if (earlier.dossier.name() == loaded.dossier.name()) return SourceInvalid();
      if (!SameApplicant(earlier.dossier, loaded.dossier)) return ApplicantDiffers();
      ASSIGN_OR_RETURN(StoredDocument stored,
                       LoadDocument(tx, source.In(earlier.dossier.name()), earlier.key));
      Document& document = stored.document;
      if (document.scan().state() == Scan::INFECTED) return DocumentInfected();
      document.set_origin(Document::EARLIER_DOSSIER);
      document.set_origin_reference(document.name());
      document.set_item(request->item());
      Sign(call.caller, loaded, now, document);
      RETURN_IF_ERROR(SetTitle(tx, loaded, document));
      RETURN_IF_ERROR(LinkDocument(tx, stored, loaded.key));
      RETURN_IF_ERROR(TellAdded(tx, call, loaded, now, document));
      ASSIGN_OR_RETURN(const DocumentTotals totals,
                       AddToTotals(tx, loaded.dossier.name(), document.size_bytes()));
      RETURN_IF_ERROR(CheckTotals(totals));
      ASSIGN_OR_RETURN(stored, LoadDocument(tx, document.name(), loaded.key));
      return stored.document.SerializeAsString();
    };
    ASSIGN_OR_RETURN(
        const std::string answer,
        RunCommand(call, call.deadline, command, {"parent", request->parent()}, kReuse, reuse));
    response->ParseFromString(answer);
    return absl::OkStatus();
  });
}

grpc::Status DocumentService::GetFileList(grpc::ServerContext* context,
                                          const GetFileListRequest* request, FileList* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string dossier, ParseFileListName("name", request->name()));
    return commands().Read(call, {"name", dossier},
                           [&](sql::Transaction& tx, const LoadedDossier& loaded) -> absl::Status {
                             ASSIGN_OR_RETURN(*response, ReadFileList(tx, loaded));
                             if (response->missing() == 0) return absl::OkStatus();
                             return AddCandidates(tx, call.caller, loaded, clock().CivilNow(),
                                                  *response);
                           });
  });
}

grpc::Status DocumentService::StateFileList(grpc::ServerContext* context,
                                            const StateFileListRequest* request,
                                            FileList* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(aip::CheckRequestId(request->request_id()));
    ASSIGN_OR_RETURN(const std::string name, ParseFileListName("name", request->name()));
    const auto command =
        durable::MakeCommand(call.caller.system(), request->request_id(), kState, *request);
    const auto state = [&](sql::Transaction& tx, const LoadedDossier& loaded,
                           absl::Time now) -> absl::StatusOr<std::string> {
      const Dossier& dossier = loaded.dossier;
      ASSIGN_OR_RETURN(StatedFileList list, ReadStatement(tx, dossier.name(), loaded.key));
      RETURN_IF_ERROR(aip::CheckEtag(request->etag(), NameOfList(loaded), list.revision));
      ASSIGN_OR_RETURN(const Procedure procedure,
                       LoadProcedure(tx, dossier.procedure(), dossier.procedure_version()));
      ASSIGN_OR_RETURN(list.stated, CleanStatement(procedure, *parts_.policies, *request));
      ++list.revision;
      *list.statement.mutable_time() = ToTimestamp(now);
      list.statement.set_system(call.caller.system());
      list.statement.set_officer(call.caller.officer().id());
      RETURN_IF_ERROR(SaveStatement(tx, dossier.name(), list, loaded.key));
      ASSIGN_OR_RETURN(const FileList judged, ReadFileList(tx, loaded));
      return judged.SerializeAsString();
    };
    ASSIGN_OR_RETURN(const std::string answer,
                     RunCommand(call, call.deadline, command, {"name", name}, kState, state));
    response->ParseFromString(answer);
    return absl::OkStatus();
  });
}

}  // namespace lgsp::dossiers
