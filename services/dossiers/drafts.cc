// Dossiers that are begun and not filed.
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::SubmitDossierRequest;

void MakeDraft(absl::Time now, Dossier& dossier) {
  dossier.set_state(Dossier::DRAFT);
  dossier.clear_submit_time();
  *dossier.mutable_draft_deadline() = ToTimestamp(now + kDraftLifetime);
}

// What `submission` would make, under the name of `draft`.
absl::StatusOr<Dossier> Resubmit(const Situation& situation, const SubmitDossierRequest& submission,
                                 const Dossier& draft) {
  if (!submission.foreign_codes().empty()) {
    return ForeignCodeInvalid("a draft was filed nowhere yet");
  }
  if (submission.procedure() != draft.procedure()) return DraftOfOtherProcedure();
  ASSIGN_OR_RETURN(Dossier submitted,
                   DecideSubmit(situation.catalogue, *situation.caller, submission, situation.now));
  submitted.set_name(draft.name());
  submitted.set_revision(draft.revision());
  return submitted;
}

}  // namespace

absl::StatusOr<Dossier> DecideDraft(const Catalogue& catalogue, const Caller& caller,
                                    const SubmitDossierRequest& request, absl::Time now) {
  if (!request.foreign_codes().empty()) return ForeignCodeInvalid("a draft was filed nowhere yet");
  ASSIGN_OR_RETURN(Dossier dossier, DecideSubmit(catalogue, caller, request, now));
  MakeDraft(now, dossier);
  return dossier;
}

absl::Status DecideUpdateDraft(const Situation& situation, const SubmitDossierRequest& submission,
                               Dossier& dossier) {
  return Apply(situation, Command::kUpdateDraft, dossier, [&](Dossier& d) -> absl::Status {
    ASSIGN_OR_RETURN(d, Resubmit(situation, submission, d));
    MakeDraft(situation.now, d);
    return absl::OkStatus();
  });
}

absl::Status DecideFile(const Situation& situation, const SubmitDossierRequest& submission,
                        Dossier& dossier) {
  return Apply(situation, Command::kFile, dossier, [&](Dossier& d) -> absl::Status {
    ASSIGN_OR_RETURN(d, Resubmit(situation, submission, d));
    return absl::OkStatus();
  });
}

}  // namespace lgsp::dossiers
