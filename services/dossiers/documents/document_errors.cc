#include "services/dossiers/documents/document_errors.h"

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

absl::Status Invalid(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason, message);
}

absl::Status Precondition(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message);
}

}  // namespace

absl::Status DocumentNotFound() {
  return MakeError(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND", "no such document");
}

absl::Status UploadOrderWrong(absl::string_view what) {
  return Invalid("UPLOAD_ORDER_WRONG", what);
}

absl::Status UploadCutShort(absl::string_view what) { return Invalid("UPLOAD_CUT_SHORT", what); }

absl::Status ChunkTooLarge() {
  return MakeFieldError("CHUNK_TOO_LARGE", "chunk",
                        absl::StrCat("must be 1 to ", kMaxChunkBytes, " bytes"));
}

absl::Status DocumentEmpty() { return Invalid("DOCUMENT_EMPTY", "the document has no content"); }

absl::Status DocumentTooLarge() {
  return Invalid("DOCUMENT_TOO_LARGE",
                 absl::StrCat("a document has at most ", kMaxDocumentBytes, " bytes"));
}

absl::Status DocumentTypeNotAllowed() {
  return Invalid("DOCUMENT_TYPE_NOT_ALLOWED",
                 "by its content it is no whole PDF, JPEG, PNG, TIFF, DOCX, XLSX or ODT without "
                 "macros, nor an XML with a signature");
}

absl::Status ItemUnknown() {
  return MakeFieldError("ITEM_UNKNOWN", "item", "is no paper of the dossier's file list");
}

absl::Status OriginInvalid(absl::string_view what) {
  return MakeFieldError("ORIGIN_INVALID", "origin", what);
}

absl::Status DigitisationInvalid(absl::string_view what) {
  return MakeFieldError("DIGITISATION_INVALID", "digitisation", what);
}

absl::Status DocumentsExhausted() {
  return Precondition("DOCUMENTS_EXHAUSTED",
                      absl::StrCat("a dossier has at most ", kMaxDocuments, " documents with ",
                                   kMaxDossierBytes, " bytes together"));
}

absl::Status DocumentStoreFull() {
  return MakeError(absl::StatusCode::kResourceExhausted, "DOCUMENT_STORE_FULL",
                   "there is no room for the document: nothing of it was stored");
}

absl::Status DocumentStoreFailed(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "DOCUMENT_STORE_FAILED",
                   absl::StrCat("documents: ", what));
}

absl::Status DocumentContentMissing() {
  return MakeError(absl::StatusCode::kDataLoss, "DOCUMENT_CONTENT_MISSING",
                   "the file of the document is not there");
}

absl::Status DocumentInfected() {
  return Precondition("DOCUMENT_INFECTED", "the scanner found malware in it");
}

absl::Status ApplicantDiffers() {
  return Precondition("APPLICANT_DIFFERS",
                      "the other dossier is not of the same applicant, by kind and ID number");
}

absl::Status SourceInvalid() {
  return MakeFieldError("SOURCE_INVALID", "source", "is a document of the same dossier");
}

absl::Status PapersInvalid(absl::string_view what) {
  return MakeFieldError("PAPERS_INVALID", "papers", what);
}

absl::Status RulingsInvalid(absl::string_view what) {
  return MakeFieldError("RULINGS_INVALID", "rulings", what);
}

absl::Status TransfersExhausted() {
  return WithRetryDelay(
      MakeError(absl::StatusCode::kResourceExhausted, "TRANSFERS_EXHAUSTED",
                "as many documents are on their way as are served at once; nothing was done"),
      kTransferRetryDelay);
}

}  // namespace lgsp::dossiers
