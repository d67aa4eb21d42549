#include "services/dossiers/documents/document_service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lgsp/dossiers/v1/events.pb.h"
#include "libs/aip/aip.h"
#include "libs/clock/timestamp.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/catalogue/catalogue_store.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/documents/document_errors.h"
#include "services/dossiers/documents/file_list.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/lifecycle.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/part_names.h"
#include "services/dossiers/routing.h"

namespace lgsp::dossiers {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::DeleteDocumentRequest;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::DownloadDocumentRequest;
using lgsp::dossiers::v1::DownloadDocumentResponse;
using lgsp::dossiers::v1::FileListItem;
using lgsp::dossiers::v1::GetDocumentRequest;
using lgsp::dossiers::v1::ListDocumentsRequest;
using lgsp::dossiers::v1::ListDocumentsResponse;
using lgsp::dossiers::v1::Scan;
using lgsp::dossiers::v1::UploadDocumentRequest;

namespace {

constexpr char kUpload[] = "upload-document";
constexpr char kUploadResult[] = "upload-result";
constexpr char kDelete[] = "delete-document";

// A segment goes out as one message.
static_assert(keys::kSegmentBytes <= kMaxChunkBytes);

// For a transaction at the end of a stream, whose own deadline may be far.
absl::Time TransactionDeadline(const grpc::ServerContext& context) {
  return std::min(absl::FromChrono(context.deadline()), absl::Now() + rpc::kDefaultDeadline);
}

absl::string_view NameOfUpload(const Document& document) {
  return document.origin() == Document::RESULT ? kUploadResult : kUpload;
}

absl::Status Cancelled() {
  return MakeError(absl::StatusCode::kCancelled, "CALL_CANCELLED",
                   "the stream ended before its end");
}

}  // namespace

absl::Status DocumentService::CheckMayChange(const Caller& caller, const LoadedDossier& loaded,
                                             absl::string_view command, absl::Time now) const {
  Dossier dossier = loaded.dossier;
  Succeed(catalogue(), now, dossier);
  const bool result = command == kUploadResult;
  const Actors may = result ? kProcessing | kHead : kIntake | kProcessing | kReceiver | kHead;
  if ((ActorsOf(caller, dossier) & may) == 0) {
    return CommandNotYours(command,
                           result ? "the settling agency" : "the intake or the settling agency");
  }
  const bool too_early = result && !dossier.has_accept_time();
  const bool too_late = (command == kDelete && dossier.has_accept_time()) ||
                        // A result that was handed over may have to be corrected.
                        (IsFinal(dossier.state()) && !(result && dossier.has_return_time()));
  if (too_early || too_late) {
    return StateForbidsCommand(Dossier::State_Name(dossier.state()), command, "");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> DocumentService::RunCommand(
    const rpc::CallContext& call, absl::Time deadline, const durable::Command& command,
    const Target& target, absl::string_view name_of_command, PartCommands::Decide decide) const {
  return commands().Run(
      call, deadline, command, target,
      [&](sql::Transaction& tx, const LoadedDossier& loaded,
          absl::Time now) -> absl::StatusOr<std::string> {
        RETURN_IF_ERROR(CheckMayChange(call.caller, loaded, name_of_command, now));
        return decide(tx, loaded, now);
      });
}

absl::Status DocumentService::TellAdded(sql::Transaction& tx, const rpc::CallContext& call,
                                        const LoadedDossier& loaded, absl::Time now,
                                        const Document& document) const {
  v1::DocumentAdded added;
  added.set_document(document.name());
  added.set_dossier(loaded.dossier.name());
  *added.mutable_create_time() = document.create_time();
  return commands().parts().changes->Tell(tx, document.name(), kDocumentRevision, call.traceparent,
                                          now, loaded, added);
}

absl::Status DocumentService::SetTitle(sql::Transaction& tx, const LoadedDossier& loaded,
                                       Document& document) const {
  if (document.item() == 0) return absl::OkStatus();
  const Dossier& dossier = loaded.dossier;
  ASSIGN_OR_RETURN(const Procedure procedure,
                   LoadProcedure(tx, dossier.procedure(), dossier.procedure_version()));
  ASSIGN_OR_RETURN(const StatedFileList stated, ReadStatement(tx, dossier.name(), loaded.key));
  const auto list = JudgeFileList(procedure, *parts_.policies, &stated.stated, {});
  const FileListItem* paper = FindPaper(list, document.item());
  if (paper == nullptr) return ItemUnknown();
  document.set_title(paper->title());
  return absl::OkStatus();
}

void DocumentService::Sign(const Caller& caller, const LoadedDossier& loaded, absl::Time now,
                           Document& document) const {
  document.set_name(
      absl::StrCat(loaded.dossier.name(), "/", kDocumentCollection, "/", NewUuid(clock())));
  *document.mutable_create_time() = ToTimestamp(now);
  document.set_system(caller.system());
  document.set_officer(caller.officer().id());
}

absl::Status DocumentService::CheckTotals(const DocumentTotals& totals) const {
  return totals.documents > kMaxDocuments || totals.bytes > kMaxDossierBytes ? DocumentsExhausted()
                                                                             : absl::OkStatus();
}

absl::Status DocumentService::CheckUpload(const rpc::CallContext& call,
                                          const durable::Command& command, const Target& target,
                                          Document document) const {
  return commands().parts().db->Read(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const LoadedDossier loaded, commands().LoadFor(tx, call.caller, target));
        // A repetition is known by its content, which has not come yet.
        const auto first = durable::FindAnswer(tx, *commands().parts().subject_keys, command);
        if (!first.ok() || first->has_value()) return absl::OkStatus();
        RETURN_IF_ERROR(
            CheckMayChange(call.caller, loaded, NameOfUpload(document), clock().CivilNow()));
        RETURN_IF_ERROR(SetTitle(tx, loaded, document));
        ASSIGN_OR_RETURN(DocumentTotals totals, ReadTotals(tx, loaded.dossier.name()));
        ++totals.documents;
        return CheckTotals(totals);
      },
      call.deadline);
}

absl::StatusOr<Document> DocumentService::StoreUpload(
    const rpc::CallContext& call, absl::Time deadline, const durable::Command& command,
    const Target& target, const Document& document, const ReceivedContent& received) const {
  // By the last attempt.
  std::string made_name;
  const auto answer =
      RunCommand(call, deadline, command, target, NameOfUpload(document),
                 [&](sql::Transaction& tx, const LoadedDossier& loaded,
                     absl::Time now) -> absl::StatusOr<std::string> {
                   StoredDocument stored{document, received.content.file, received.content.key};
                   Document& made = stored.document;
                   Sign(call.caller, loaded, now, made);
                   RETURN_IF_ERROR(SetTitle(tx, loaded, made));
                   made.set_type(received.type);
                   made.set_size_bytes(received.content.size_bytes);
                   made.set_sha256(received.content.sha256);
                   made.mutable_scan()->set_state(parts_.first_scan_state);
                   *made.mutable_scan()->mutable_time() = ToTimestamp(clock().SecurityNow());
                   RETURN_IF_ERROR(InsertDocument(tx, stored, loaded.key));
                   RETURN_IF_ERROR(TellAdded(tx, call, loaded, now, made));
                   ASSIGN_OR_RETURN(const DocumentTotals totals,
                                    AddToTotals(tx, loaded.dossier.name(), made.size_bytes()));
                   RETURN_IF_ERROR(CheckTotals(totals));
                   ASSIGN_OR_RETURN(stored, LoadDocument(tx, made.name(), loaded.key));
                   made_name = stored.document.name();
                   return stored.document.SerializeAsString();
                 });
  Document response;
  if (answer.ok()) response.ParseFromString(*answer);
  // Of a repetition, and of what was refused at last, the content is one too many. Where it is not
  // known what happened, the sweep finds out.
  const bool unwanted = answer.ok() ? response.name() != made_name
                                    : ErrorReason(answer.status()) != "SQL_OUTCOME_UNKNOWN";
  if (unwanted) {
    const absl::Status removed = parts_.files->Remove(received.content.file);
    if (!removed.ok()) log::Error("document file stays for the sweep", {{"status", removed}});
  }
  RETURN_IF_ERROR(answer.status());
  return response;
}

grpc::Status DocumentService::UploadDocument(grpc::ServerContext* context,
                                             grpc::ServerReader<UploadDocumentRequest>* reader,
                                             Document* response) {
  // rpc::Unary is of use for every synchronous handler: a slot, the caller, the status.
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto transfer,
        parts_.transfers->Begin([context] { context->TryCancel(); }, call.caller.system()));
    const auto next = [&](UploadDocumentRequest& message) {
      const bool any = reader->Read(&message);
      transfer->Moved();
      return any;
    };
    UploadDocumentRequest first;
    if (!next(first) || !first.has_head()) {
      return UploadOrderWrong("the first message must be the head");
    }
    const v1::UploadHead& head = first.head();
    RETURN_IF_ERROR(aip::CheckRequestId(head.request_id()));
    ASSIGN_OR_RETURN(const Document document, CleanHead(head, call.caller, clock().CivilNow()));
    const Target target{"parent", head.parent()};
    const auto command = [&](absl::string_view sha256) {
      return durable::MakeCommand(call.caller.system(), head.request_id(),
                                  absl::StrCat(kUpload, "\n", sha256), head);
    };
    RETURN_IF_ERROR(CheckUpload(call, command(""), target, document));
    const auto received = ReceiveContent(*parts_.files, next);
    if (context->IsCancelled()) {
      if (received.ok()) RETURN_IF_ERROR(parts_.files->Remove(received->content.file));
      return Cancelled();
    }
    RETURN_IF_ERROR(received.status());
    ASSIGN_OR_RETURN(*response,
                     StoreUpload(call, TransactionDeadline(*context),
                                 command(received->content.sha256), target, document, *received));
    return absl::OkStatus();
  });
}

grpc::Status DocumentService::DownloadDocument(
    grpc::ServerContext* context, const DownloadDocumentRequest* request,
    grpc::ServerWriter<DownloadDocumentResponse>* writer) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto transfer,
        parts_.transfers->Begin([context] { context->TryCancel(); }, call.caller.system()));
    ASSIGN_OR_RETURN(const PartName name,
                     ParsePartName("name", request->name(), kDocumentCollection));
    StoredDocument stored;
    const auto load = [&] {
      return commands().Read(
          call, {"name", name.dossier},
          [&](sql::Transaction& tx, const LoadedDossier& loaded) -> absl::Status {
            ASSIGN_OR_RETURN(stored, LoadDocument(tx, name.In(loaded.dossier.name()), loaded.key));
            return absl::OkStatus();
          });
    };
    RETURN_IF_ERROR(load());
    if (stored.document.scan().state() == Scan::INFECTED) return DocumentInfected();
    const auto reader = parts_.files->Read(stored.file, stored.content_key);
    // Deleted between the two: then it is not there, and nothing is lost.
    if (absl::IsDataLoss(reader.status())) RETURN_IF_ERROR(load());
    RETURN_IF_ERROR(reader.status());
    DownloadDocumentResponse message;
    message.mutable_document()->Swap(&stored.document);
    for (bool more = true; more;) {
      if (!writer->Write(message)) return Cancelled();
      transfer->Moved();
      ASSIGN_OR_RETURN(*message.mutable_chunk(), (*reader)->Next());
      more = !message.chunk().empty();
    }
    return absl::OkStatus();
  });
}

grpc::Status DocumentService::GetDocument(grpc::ServerContext* context,
                                          const GetDocumentRequest* request, Document* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const PartName name,
                     ParsePartName("name", request->name(), kDocumentCollection));
    return commands().Read(call, {"name", name.dossier},
                           [&](sql::Transaction& tx, const LoadedDossier& loaded) -> absl::Status {
                             ASSIGN_OR_RETURN(
                                 StoredDocument stored,
                                 LoadDocument(tx, name.In(loaded.dossier.name()), loaded.key));
                             response->Swap(&stored.document);
                             return absl::OkStatus();
                           });
  });
}

grpc::Status DocumentService::ListDocuments(grpc::ServerContext* context,
                                            const ListDocumentsRequest* request,
                                            ListDocumentsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    return commands().Read(
        call, {"parent", request->parent()},
        [&](sql::Transaction& tx, const LoadedDossier& loaded) -> absl::Status {
          const std::string& dossier = loaded.dossier.name();
          std::string after;
          if (!request->page_token().empty()) {
            ASSIGN_OR_RETURN(const auto place,
                             aip::ParsePageToken(request->page_token(), 1, dossier));
            after = place[0];
          }
          // One more than asked for tells whether there is another page.
          ASSIGN_OR_RETURN(std::vector<Document> documents,
                           ReadDocuments(tx, dossier, loaded.key, after, size + 1));
          if (static_cast<int>(documents.size()) > size) {
            documents.pop_back();
            response->set_next_page_token(aip::MakePageToken({documents.back().name()}, dossier));
          }
          for (Document& document : documents) response->add_documents()->Swap(&document);
          return absl::OkStatus();
        });
  });
}

grpc::Status DocumentService::DeleteDocument(grpc::ServerContext* context,
                                             const DeleteDocumentRequest* request,
                                             v1::DeleteDocumentResponse*) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(aip::CheckRequestId(request->request_id()));
    ASSIGN_OR_RETURN(const PartName name,
                     ParsePartName("name", request->name(), kDocumentCollection));
    const auto command =
        durable::MakeCommand(call.caller.system(), request->request_id(), kDelete, *request);
    std::string nobodys;
    RETURN_IF_ERROR(
        RunCommand(call, call.deadline, command, {"name", name.dossier}, kDelete,
                   [&](sql::Transaction& tx, const LoadedDossier& loaded,
                       absl::Time now) -> absl::StatusOr<std::string> {
                     nobodys.clear();
                     ASSIGN_OR_RETURN(const StoredDocument stored,
                                      LoadDocument(tx, name.In(loaded.dossier.name()), loaded.key));
                     RETURN_IF_ERROR(aip::CheckEtag(request->etag(), stored.document.name(),
                                                    kDocumentRevision));
                     ASSIGN_OR_RETURN(const bool last, dossiers::DeleteDocument(tx, stored));
                     if (last) nobodys = stored.file;
                     v1::DocumentDeleted deleted;
                     deleted.set_document(stored.document.name());
                     deleted.set_dossier(loaded.dossier.name());
                     *deleted.mutable_delete_time() = ToTimestamp(now);
                     RETURN_IF_ERROR(commands().parts().changes->Tell(
                         tx, stored.document.name(), kDocumentRevision + 1, call.traceparent, now,
                         loaded, deleted));
                     return std::string();
                   })
            .status());
    // It is deleted, whatever becomes of its file: the sweep would see to that.
    const absl::Status removed = nobodys.empty() ? absl::OkStatus() : parts_.files->Remove(nobodys);
    if (!removed.ok()) log::Error("document file stays for the sweep", {{"status", removed}});
    return absl::OkStatus();
  });
}

}  // namespace lgsp::dossiers
