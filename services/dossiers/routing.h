// PURE: which agencies a dossier has, and its ways between them (Decree 118/2025: intake regardless
// of boundaries, settlement by competence).
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/decisions.h"

namespace lgsp::dossiers {

// Sets intake, settling and return agency, `undetermined` and the place of a submission.
absl::Status RouteSubmission(const Catalogue& catalogue, const lgsp::auth::v1::Caller& caller,
                             const lgsp::dossiers::v1::SubmitDossierRequest& request,
                             const Procedure& procedure, absl::Time now,
                             lgsp::dossiers::v1::Dossier& dossier);

absl::Status DecideTransfer(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideReceive(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideForward(const Situation& situation,
                           const lgsp::dossiers::v1::ForwardDossierRequest& request,
                           lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideSendBack(const Situation& situation,
                            const lgsp::dossiers::v1::SendBackDossierRequest& request,
                            lgsp::dossiers::v1::Dossier& dossier);

// Puts successors in the place of agencies that have ended, before a command is decided: it is part
// of that command's change.
void Succeed(const Catalogue& catalogue, absl::Time now, lgsp::dossiers::v1::Dossier& dossier);

}  // namespace lgsp::dossiers
