// A dossier with its history, for people.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::cli {

struct DossierView {
  dossiers::v1::Dossier dossier;
  dossiers::v1::ListTransitionsResponse history;
};

// Times in Vietnam's zone. What the view holds is shown as it is: mask it before.
std::string FormatDossier(const DossierView& view);

// {"dossier": …, "transitions": [ … ]} as proto3 JSON.
absl::StatusOr<std::string> FormatDossierJson(const DossierView& view);

}  // namespace lgsp::cli
