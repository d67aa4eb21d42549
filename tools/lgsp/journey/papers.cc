#include "tools/lgsp/journey/papers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "tools/lgsp/journey/paper_content.h"
#include "tools/lgsp/journey/way.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Document;
using dossiers::v1::FileList;
using dossiers::v1::FileListItem;
using dossiers::v1::Result;
using dossiers::v1::UploadHead;
using DocumentsStub = dossiers::v1::Documents::Stub;
using ResultsStub = dossiers::v1::Results::Stub;

constexpr absl::Duration kSignaturePause = absl::Milliseconds(50);
constexpr char kStatedPaper[] = "Giấy tờ theo yêu cầu của cơ quan giải quyết";
constexpr char kBasis[] = "Danh mục do cán bộ xác định (dữ liệu thử nghiệm)";
constexpr char kResultTitle[] = "Kết quả giải quyết";

absl::Status PaperWrong(absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, kPaperWrong, what);
}

// To be handed in, whether it was already or not: the same ones whenever it is asked.
bool IsToBeHandedIn(const FileListItem& item) {
  return item.state() == FileListItem::MISSING || !item.documents().empty();
}

const FileListItem* Find(const FileList& list, int item) {
  const auto found = std::find_if(list.items().begin(), list.items().end(),
                                  [&](const FileListItem& one) { return one.item() == item; });
  return found == list.items().end() ? nullptr : &*found;
}

PaperForm FormOf(int item) {
  constexpr PaperForm kForms[] = {PaperForm::kPdf, PaperForm::kPng, PaperForm::kDocx};
  return kForms[item % 3];
}

std::string IdOfStep(const PlannedStep& step) { return GetText(RequestOf(step), "request_id"); }

}  // namespace

absl::StatusOr<FileList> Papers::ListOf(const std::string& dossier, const PlannedStep& step) {
  dossiers::v1::GetFileListRequest request;
  request.set_name(dossier + "/fileList");
  return patience_.Repeat(
      [&] { return client_.Call(&DocumentsStub::GetFileList, request, step.unit(), step.role()); });
}

absl::StatusOr<FileList> Papers::StatedListOf(const std::string& dossier, const PlannedStep& step) {
  ASSIGN_OR_RETURN(FileList list, ListOf(dossier, step));
  if (list.state() != FileList::UNKNOWN) return list;
  dossiers::v1::StateFileListRequest state;
  state.set_name(list.name());
  state.set_request_id(absl::StrCat(IdOfStep(step), "-list"));
  state.set_etag(list.etag());
  state.add_papers()->set_title(kStatedPaper);
  state.set_basis(kBasis);
  return patience_.Repeat(
      [&] { return client_.Call(&DocumentsStub::StateFileList, state, step.unit(), step.role()); });
}

absl::Status Papers::Added(const Document& document, const std::string& sha256,
                           const std::string& source) {
  if (document.sha256() != sha256) {
    return PaperWrong(absl::StrCat(document.name(), " has another hash than its content"));
  }
  AddedDocument& added = documents_.emplace_back();
  added.set_name(document.name());
  added.set_item(document.item());
  added.set_sha256(sha256);
  added.set_source(source);
  supplied_.insert(document.item());
  return absl::OkStatus();
}

absl::StatusOr<Document> Papers::Upload(const UploadHead& head, const std::string& content,
                                        const PlannedStep& step) {
  const std::string sha256 = keys::Hex(keys::Sha256(content));
  ASSIGN_OR_RETURN(const Document document, patience_.Repeat([&] {
    return client_.Upload(head, content, sha256, step.unit(), step.role());
  }));
  RETURN_IF_ERROR(Added(document, sha256, ""));
  return document;
}

// Nothing when the earlier dossier had no paper, or this one's list has no use for it.
absl::Status Papers::Reuse(const std::string& dossier, const PlannedStep& step,
                           const FileList& list) {
  ASSIGN_OR_RETURN(const AddedDocument earlier, earlier_(step.reuse_from()));
  const FileListItem* const item = earlier.name().empty() ? nullptr : Find(list, earlier.item());
  if (item == nullptr || !IsToBeHandedIn(*item)) return absl::OkStatus();
  dossiers::v1::ReuseDocumentRequest request;
  request.set_parent(dossier);
  request.set_request_id(absl::StrCat(IdOfStep(step), "-reuse"));
  request.set_source(earlier.name());
  request.set_item(earlier.item());
  ASSIGN_OR_RETURN(const Document document, patience_.Repeat([&] {
    return client_.Call(&DocumentsStub::ReuseDocument, request, step.unit(), step.role());
  }));
  return Added(document, earlier.sha256(), earlier.name());
}

absl::Status Papers::Add(const std::string& dossier, const PlannedStep& step) {
  if (step.papers() == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const FileList list, StatedListOf(dossier, step));
  const size_t enough = documents_.size() + static_cast<size_t>(step.papers());
  if (step.reuse_from() != 0) RETURN_IF_ERROR(Reuse(dossier, step, list));
  bool digitised = step.has_digitisation();
  for (const FileListItem& item : list.items()) {
    if (documents_.size() == enough) break;
    if (!IsToBeHandedIn(item) || supplied_.contains(item.item())) continue;
    const PaperForm form = FormOf(item.item());
    UploadHead head;
    head.set_parent(dossier);
    head.set_request_id(absl::StrCat(IdOfStep(step), "-", item.item()));
    head.set_item(item.item());
    head.set_file_name(absl::StrCat("giay-to-", item.item(), PaperSuffix(form)));
    if (digitised) *head.mutable_digitisation() = step.digitisation();
    digitised = false;
    RETURN_IF_ERROR(Upload(head, PaperContent(form, head.request_id()), step).status());
  }
  return absl::OkStatus();
}

absl::Status Papers::Check(const std::string& dossier, const PlannedStep& step) {
  ASSIGN_OR_RETURN(const FileList list, ListOf(dossier, step));
  for (const AddedDocument& added : documents_) {
    if (added.item() == 0) continue;
    const FileListItem* const item = Find(list, added.item());
    const FileListItem::State state =
        added.source().empty() ? FileListItem::PRESENT : FileListItem::REUSED;
    if (item == nullptr || item->state() != state || item->documents_size() != 1 ||
        item->documents(0) != added.name()) {
      return PaperWrong(absl::StrCat(added.name(), " is not the one paper of its item"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Papers::Missing(const std::string& dossier,
                                                         const PlannedStep& step) {
  ASSIGN_OR_RETURN(const FileList list, ListOf(dossier, step));
  return std::vector<std::string>(list.supplement_items().begin(), list.supplement_items().end());
}

absl::StatusOr<Result> Papers::WaitForSignature(const std::string& result) {
  dossiers::v1::GetResultRequest request;
  request.set_name(result);
  for (;;) {
    ASSIGN_OR_RETURN(const Result now, patience_.Repeat([&] {
      return client_.Call(&ResultsStub::GetResult, request);
    }));
    if (now.state() != Result::SIGNING) return now;
    if (patience_.Over()) {
      return MakeError(absl::StatusCode::kUnavailable, "JOURNEY_SIGNATURE_MISSING",
                       "the signing system has not signed yet");
    }
    patience_.Wait(kSignaturePause);
  }
}

absl::Status Papers::CheckResult(const Result& result, const std::string& content) {
  if (result.state() != Result::SIGNED) {
    return PaperWrong(absl::StrCat(result.name(), " is ", Result::State_Name(result.state()), " ",
                                   result.failure()));
  }
  ASSIGN_OR_RETURN(const std::string stored,
                   patience_.Repeat([&] { return client_.Download(result.document()); }));
  if (stored != content) return PaperWrong(absl::StrCat(result.document(), " has another content"));
  dossiers::v1::VerifyResultRequest verify;
  verify.set_verification_code(result.verification_code());
  ASSIGN_OR_RETURN(const auto verified, patience_.Repeat([&] {
    return client_.Call(&ResultsStub::VerifyResult, verify);
  }));
  return verified.state() == Result::SIGNED && verified.sha256() == result.sha256()
             ? absl::OkStatus()
             : PaperWrong(absl::StrCat(result.name(), " is not verified by its code"));
}

absl::Status Papers::Sign(const std::string& dossier, const PlannedStep& step) {
  dossiers::v1::SignResultRequest request = step.sign_result();
  UploadHead head;
  head.set_parent(dossier);
  head.set_request_id(absl::StrCat(request.request_id(), "-content"));
  head.set_title(kResultTitle);
  head.set_origin(Document::RESULT);
  const std::string content = PaperContent(PaperForm::kPdf, head.request_id());
  ASSIGN_OR_RETURN(const Document document, Upload(head, content, step));
  request.set_parent(dossier);
  request.set_document(document.name());
  ASSIGN_OR_RETURN(const Result ordered, patience_.Repeat([&] {
    return client_.Call(&ResultsStub::SignResult, request, step.unit(), step.role());
  }));
  ASSIGN_OR_RETURN(const Result result, WaitForSignature(ordered.name()));
  return CheckResult(result, content);
}

}  // namespace lgsp::cli
