// One function per reason with which the documents of dossiers are refused (documented at the
// methods in documents.proto).
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

absl::Status DocumentNotFound();
absl::Status UploadOrderWrong(absl::string_view what);
absl::Status UploadCutShort(absl::string_view what);
absl::Status ChunkTooLarge();
absl::Status DocumentEmpty();
absl::Status DocumentTooLarge();
absl::Status DocumentTypeNotAllowed();
absl::Status ItemUnknown();
absl::Status OriginInvalid(absl::string_view what);
absl::Status DigitisationInvalid(absl::string_view what);
absl::Status DocumentsExhausted();
absl::Status DocumentStoreFull();
absl::Status DocumentStoreFailed(absl::string_view what);
absl::Status DocumentContentMissing();
absl::Status DocumentInfected();
absl::Status ApplicantDiffers();
absl::Status SourceInvalid();
absl::Status PapersInvalid(absl::string_view what);
absl::Status RulingsInvalid(absl::string_view what);
absl::Status TransfersExhausted();

}  // namespace lgsp::dossiers
