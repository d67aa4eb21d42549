// PURE: the names of what is part of a dossier: documents, results, the file list.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

// `dossiers/x/documents/y`, `dossiers/x/results/y`, taken apart.
struct PartName {
  // `dossiers/x`, by UUID or code.
  std::string dossier;
  // `documents`, `results`.
  std::string collection;
  std::string id;

  // The name in `dossier_name`, which has the UUID.
  std::string In(absl::string_view dossier_name) const;
};

// INVALID_ARGUMENT NAME_INVALID with `field`. The dossier's part is not looked at.
absl::StatusOr<PartName> ParsePartName(absl::string_view field, absl::string_view name,
                                       absl::string_view collection);
// `dossiers/x` of `dossiers/x/fileList`.
absl::StatusOr<std::string> ParseFileListName(absl::string_view field, absl::string_view name);

// `dossiers/x` of `dossiers/x/documents/y`.
std::string DossierOf(absl::string_view part_name);

}  // namespace lgsp::dossiers
