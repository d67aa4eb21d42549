// Taking in a document: what is said of it is checked, its content is stored as it comes.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/documents.pb.h"
#include "services/dossiers/documents/document_files.h"

namespace lgsp::dossiers {

// The document that a head describes, as far as it tells: text in NFC, origin, digitisation with
// the officer of the call. PURE. INVALID_ARGUMENT ORIGIN_INVALID, DIGITISATION_INVALID and those of
// CleanText.
absl::StatusOr<lgsp::dossiers::v1::Document> CleanHead(const lgsp::dossiers::v1::UploadHead& head,
                                                       const lgsp::auth::v1::Caller& caller,
                                                       absl::Time now);

// Content that is stored, under no document yet.
struct ReceivedContent {
  StoredContent content;
  lgsp::dossiers::v1::Document::Type type = lgsp::dossiers::v1::Document::TYPE_UNSPECIFIED;
};

// Reads what follows the head to its end. `next` gives the next message, false: there is none. On
// error nothing is stored. The reasons that documents.proto names for the content.
absl::StatusOr<ReceivedContent> ReceiveContent(
    const DocumentFiles& files,
    absl::FunctionRef<bool(lgsp::dossiers::v1::UploadDocumentRequest& message)> next);

}  // namespace lgsp::dossiers
