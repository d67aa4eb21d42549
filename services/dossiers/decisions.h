// PURE: what a command makes of a dossier. No I/O; the code of an accepted dossier is set by the
// store.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/catalogue.h"

namespace lgsp::dossiers {

// The dossier that a submission makes, all but its name: fields checked, text in NFC, agencies
// found, revision 1.
absl::StatusOr<lgsp::dossiers::v1::Dossier> DecideSubmit(
    const Catalogue& catalogue, const lgsp::auth::v1::Caller& caller,
    const lgsp::dossiers::v1::SubmitDossierRequest& request, absl::Time now);

// Each checks the state and changes the dossier; the revision grows by one. On error it is
// unchanged. Acceptance fixes the due date: by the channel's one term, the row named, or the
// officer's date.
absl::Status DecideAccept(const Catalogue& catalogue,
                          const lgsp::dossiers::v1::AcceptDossierRequest& request, absl::Time now,
                          lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideComplete(absl::Time now, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideReturn(absl::Time now, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideReject(const lgsp::dossiers::v1::RejectDossierRequest& request, absl::Time now,
                          lgsp::dossiers::v1::Dossier& dossier);

// True when the calling system acts for one of the dossier's agencies. A dossier of others does not
// exist for it.
bool Concerns(const lgsp::auth::v1::Caller& caller, const lgsp::dossiers::v1::Dossier& dossier);

}  // namespace lgsp::dossiers
