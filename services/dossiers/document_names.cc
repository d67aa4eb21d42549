#include "services/dossiers/document_names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/aip/aip.h"
#include "libs/status/status.h"
#include "services/dossiers/document_store.h"

namespace lgsp::dossiers {

std::string DocumentName::In(absl::string_view dossier_name) const {
  return absl::StrCat(dossier_name, "/", kDocumentCollection, "/", id);
}

absl::StatusOr<DocumentName> ParseDocumentName(absl::string_view field, absl::string_view name) {
  // The second slash parts the two names.
  const size_t first = name.find('/');
  const size_t second = first == absl::string_view::npos ? first : name.find('/', first + 1);
  if (second == absl::string_view::npos) {
    return MakeFieldError("NAME_INVALID", field, "must be dossiers/<id>/documents/<id>");
  }
  DocumentName parts;
  parts.dossier = std::string(name.substr(0, second));
  ASSIGN_OR_RETURN(parts.id, aip::ParseName(field, name.substr(second + 1), kDocumentCollection));
  return parts;
}

absl::StatusOr<std::string> ParseFileListName(absl::string_view field, absl::string_view name) {
  if (!absl::ConsumeSuffix(&name, absl::StrCat("/", kFileListName))) {
    return MakeFieldError("NAME_INVALID", field, "must be dossiers/<id>/fileList");
  }
  return std::string(name);
}

}  // namespace lgsp::dossiers
