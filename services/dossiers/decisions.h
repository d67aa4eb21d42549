// PURE: what a command makes of a dossier. No I/O; the code of an accepted dossier is set by the
// store.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/lifecycle.h"

namespace lgsp::dossiers {

// What surrounds a command on a dossier.
struct Situation {
  const Catalogue& catalogue;
  // In what capacities it is given.
  Actors actors;
  absl::Time now;
  // Who gives it; nullptr: the platform itself.
  const lgsp::auth::v1::Caller* caller = nullptr;
};

// The dossier that a submission makes, all but its name: fields checked, text in NFC, agencies
// found, revision 1.
absl::StatusOr<lgsp::dossiers::v1::Dossier> DecideSubmit(
    const Catalogue& catalogue, const lgsp::auth::v1::Caller& caller,
    const lgsp::dossiers::v1::SubmitDossierRequest& request, absl::Time now);

// The same, as a draft: not filed.
absl::StatusOr<lgsp::dossiers::v1::Dossier> DecideDraft(
    const Catalogue& catalogue, const lgsp::auth::v1::Caller& caller,
    const lgsp::dossiers::v1::SubmitDossierRequest& request, absl::Time now);
// Replace what a draft says by `submission`; the second files it.
absl::Status DecideUpdateDraft(const Situation& situation,
                               const lgsp::dossiers::v1::SubmitDossierRequest& submission,
                               lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideFile(const Situation& situation,
                        const lgsp::dossiers::v1::SubmitDossierRequest& submission,
                        lgsp::dossiers::v1::Dossier& dossier);

// Each checks the state and who gives the command, and changes the dossier; the revision grows by
// one. On error it is unchanged. Those between acceptance and result: settlement.h.
absl::Status DecideAccept(const Situation& situation,
                          const lgsp::dossiers::v1::AcceptDossierRequest& request,
                          lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideComplete(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideReturn(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideReject(const Situation& situation,
                          const lgsp::dossiers::v1::RejectDossierRequest& request,
                          lgsp::dossiers::v1::Dossier& dossier);

// True when the calling system acts for one of the dossier's agencies, or for the successor of one.
// A dossier of others does not exist for it.
bool Concerns(const Catalogue& catalogue, const lgsp::auth::v1::Caller& caller,
              const lgsp::dossiers::v1::Dossier& dossier, absl::Time now);

// What the decisions share: text::Clean with a limit to the bytes too; the step to the next state
// and revision; a change of a copy that replaces the dossier only when nothing was wrong.
absl::StatusOr<std::string> CleanText(absl::string_view field, absl::string_view text, int min,
                                      int max);
void Advance(lgsp::dossiers::v1::Dossier::State next, lgsp::dossiers::v1::Dossier& dossier);
absl::Status Apply(const Situation& situation, Command command,
                   lgsp::dossiers::v1::Dossier& dossier,
                   absl::FunctionRef<absl::Status(lgsp::dossiers::v1::Dossier& changed)> change);

}  // namespace lgsp::dossiers
