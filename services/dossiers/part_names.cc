#include "services/dossiers/part_names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/aip/aip.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_store.h"

namespace lgsp::dossiers {
namespace {

// The second slash parts the two names.
size_t SecondSlash(absl::string_view name) {
  const size_t first = name.find('/');
  return first == absl::string_view::npos ? first : name.find('/', first + 1);
}

}  // namespace

std::string PartName::In(absl::string_view dossier_name) const {
  return absl::StrCat(dossier_name, "/", collection, "/", id);
}

absl::StatusOr<PartName> ParsePartName(absl::string_view field, absl::string_view name,
                                       absl::string_view collection) {
  const size_t second = SecondSlash(name);
  if (second == absl::string_view::npos) {
    return MakeFieldError("NAME_INVALID", field,
                          absl::StrCat("must be dossiers/<id>/", collection, "/<id>"));
  }
  PartName parts;
  parts.dossier = std::string(name.substr(0, second));
  parts.collection = std::string(collection);
  ASSIGN_OR_RETURN(parts.id, aip::ParseName(field, name.substr(second + 1), collection));
  return parts;
}

absl::StatusOr<std::string> ParseFileListName(absl::string_view field, absl::string_view name) {
  if (!absl::ConsumeSuffix(&name, absl::StrCat("/", kFileListName))) {
    return MakeFieldError("NAME_INVALID", field, "must be dossiers/<id>/fileList");
  }
  return std::string(name);
}

std::string DossierOf(absl::string_view part_name) {
  return std::string(part_name.substr(0, SecondSlash(part_name)));
}

}  // namespace lgsp::dossiers
