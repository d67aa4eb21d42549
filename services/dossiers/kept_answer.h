// PURE: what is kept of a command, so that its repetition is answered alike.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/dossier_store.h"

namespace lgsp::dossiers {

// The answer, and whose the dossier was before or after the command.
std::string MakeKeptAnswer(const LoadedDossier& before, const lgsp::dossiers::v1::Dossier& answer);

// For whoever still acts for one of those agencies: a command that took the dossier from its sender
// is answered again all the same. NOT_FOUND DOSSIER_NOT_FOUND.
absl::StatusOr<lgsp::dossiers::v1::Dossier> TakeKeptAnswer(const Catalogue& catalogue,
                                                           const lgsp::auth::v1::Caller& caller,
                                                           absl::string_view kept, absl::Time now);

}  // namespace lgsp::dossiers
