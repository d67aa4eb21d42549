// PURE: the names of documents and file lists.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

// `dossiers/x/documents/y`, taken apart.
struct DocumentName {
  // `dossiers/x`, by UUID or code.
  std::string dossier;
  std::string id;

  // The name in `dossier_name`, which has the UUID.
  std::string In(absl::string_view dossier_name) const;
};

// INVALID_ARGUMENT NAME_INVALID with `field`. The dossier's part is not looked at.
absl::StatusOr<DocumentName> ParseDocumentName(absl::string_view field, absl::string_view name);
// `dossiers/x` of `dossiers/x/fileList`.
absl::StatusOr<std::string> ParseFileListName(absl::string_view field, absl::string_view name);

}  // namespace lgsp::dossiers
