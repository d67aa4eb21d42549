// PURE: which officer has a dossier.
#pragma once

#include "absl/status/status.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/decisions.h"

namespace lgsp::dossiers {

absl::Status DecideAssign(const Situation& situation,
                          const lgsp::dossiers::v1::AssignDossierRequest& request,
                          lgsp::dossiers::v1::Dossier& dossier);

// Whether `caller` may move work among the officers of `request.agency`, and the officers are
// possible.
absl::Status CheckMoveWork(const Catalogue& catalogue, const lgsp::auth::v1::Caller& caller,
                           const lgsp::dossiers::v1::MoveWorkRequest& request);

}  // namespace lgsp::dossiers
