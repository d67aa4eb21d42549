#include "services/dossiers/documents/document_upload.h"

#include "absl/strings/ascii.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/documents/document_errors.h"
#include "services/dossiers/documents/document_type.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Digitisation;
using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::UploadDocumentRequest;
using lgsp::dossiers::v1::UploadEnd;
using lgsp::dossiers::v1::UploadHead;

absl::StatusOr<Digitisation> CleanDigitisation(const Digitisation& given, const Caller& caller,
                                               absl::Time now) {
  if (caller.officer().id().empty()) return DigitisationInvalid("needs the officer of the call");
  if (!Digitisation::Paper_IsValid(given.paper()) ||
      given.paper() == Digitisation::PAPER_UNSPECIFIED) {
    return DigitisationInvalid("paper must be one of the kinds");
  }
  const absl::Time seen = ToTime(given.seen_time());
  if (!given.has_seen_time() || seen > now + kClockTolerance || seen <= absl::UnixEpoch()) {
    return DigitisationInvalid("seen_time must be given, and not lie in the future");
  }
  Digitisation cleaned;
  cleaned.set_paper(given.paper());
  *cleaned.mutable_seen_time() = ToTimestamp(seen);
  cleaned.set_officer(caller.officer().id());
  cleaned.set_unit(caller.officer().unit());
  return cleaned;
}

absl::Status SetOrigin(const UploadHead& head, Document& document) {
  const bool from_applicant =
      head.origin() == Document::ORIGIN_UNSPECIFIED || head.origin() == Document::APPLICANT;
  if (from_applicant) {
    if (!head.origin_reference().empty()) return OriginInvalid("APPLICANT has no reference");
    document.set_origin(Document::APPLICANT);
    return absl::OkStatus();
  }
  if (head.origin() == Document::RESULT) {
    const bool plain =
        head.origin_reference().empty() && head.item() == 0 && !head.has_digitisation();
    if (!plain) return OriginInvalid("RESULT has no item, digitisation or reference");
    document.set_origin(Document::RESULT);
    return absl::OkStatus();
  }
  if (head.origin() != Document::DATABASE && head.origin() != Document::STORE) {
    return OriginInvalid("must be APPLICANT, DATABASE, STORE or RESULT");
  }
  document.set_origin(head.origin());
  ASSIGN_OR_RETURN(
      *document.mutable_origin_reference(),
      CleanText("origin_reference", head.origin_reference(), 1, kMaxReferenceCharacters));
  return absl::OkStatus();
}

// Stores content while it comes.
class Receiver {
 public:
  explicit Receiver(std::unique_ptr<DocumentFiles::Writer> writer) : writer_(std::move(writer)) {}

  absl::Status Take(const UploadDocumentRequest& message) {
    if (end_.has_value()) return UploadOrderWrong("nothing comes after the end");
    if (message.has_end()) {
      end_ = message.end();
      return absl::OkStatus();
    }
    if (!message.has_chunk()) return UploadOrderWrong("after the head come chunks, then the end");
    const std::string& chunk = message.chunk();
    if (chunk.empty() || chunk.size() > kMaxChunkBytes) return ChunkTooLarge();
    size_ += static_cast<int64_t>(chunk.size());
    if (size_ > kMaxDocumentBytes) return DocumentTooLarge();
    type_.Update(chunk);
    if (!type_.Possible()) return DocumentTypeNotAllowed();
    return writer_->Append(chunk);
  }

  absl::StatusOr<ReceivedContent> Finish(const DocumentFiles& files) {
    if (!end_.has_value()) return UploadCutShort("the upload ended before its last message");
    if (end_->size_bytes() != size_) {
      return UploadCutShort("the size is not that of all the chunks together");
    }
    if (size_ == 0) return DocumentEmpty();
    ReceivedContent received;
    received.type = type_.Find();
    if (received.type == Document::TYPE_UNSPECIFIED) return DocumentTypeNotAllowed();
    ASSIGN_OR_RETURN(received.content, writer_->Commit());
    const std::string& expected = end_->sha256();
    if (!expected.empty() && absl::AsciiStrToLower(expected) != received.content.sha256) {
      RETURN_IF_ERROR(files.Remove(received.content.file));
      return UploadCutShort("the hash is not that of the content");
    }
    return received;
  }

 private:
  const std::unique_ptr<DocumentFiles::Writer> writer_;
  DocumentTypeFinder type_;
  int64_t size_ = 0;
  std::optional<UploadEnd> end_;
};

}  // namespace

absl::StatusOr<Document> CleanHead(const UploadHead& head, const Caller& caller, absl::Time now) {
  Document document;
  document.set_item(head.item());
  if (head.item() == 0) {
    ASSIGN_OR_RETURN(*document.mutable_title(),
                     CleanText("title", head.title(), 1, kMaxTitleCharacters));
  }
  ASSIGN_OR_RETURN(*document.mutable_file_name(),
                   CleanText("file_name", head.file_name(), 0, kMaxFileNameCharacters));
  RETURN_IF_ERROR(SetOrigin(head, document));
  if (head.has_digitisation()) {
    ASSIGN_OR_RETURN(*document.mutable_digitisation(),
                     CleanDigitisation(head.digitisation(), caller, now));
  }
  return document;
}

absl::StatusOr<ReceivedContent> ReceiveContent(
    const DocumentFiles& files, absl::FunctionRef<bool(UploadDocumentRequest& message)> next) {
  ASSIGN_OR_RETURN(auto writer, files.Create());
  Receiver receiver(std::move(writer));
  UploadDocumentRequest message;
  while (next(message)) RETURN_IF_ERROR(receiver.Take(message));
  return receiver.Finish(files);
}

}  // namespace lgsp::dossiers
