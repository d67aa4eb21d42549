// PURE: what the commands between acceptance and result make of a dossier. Each checks the state,
// who gives it, and its fields; the revision grows by one. On error the dossier is unchanged.
#pragma once

#include "absl/status/status.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/decisions.h"

namespace lgsp::dossiers {

absl::Status DecideAskSupplement(const Situation& situation,
                                 const lgsp::dossiers::v1::AskSupplementRequest& request,
                                 lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideAnswerSupplement(const Situation& situation,
                                    lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideStart(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideBeginWait(const Situation& situation,
                             const lgsp::dossiers::v1::BeginWaitRequest& request,
                             lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideEndWait(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
// By the platform itself, when the answers of other agencies are overdue.
absl::Status DecideLapse(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideSign(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideReappoint(const Situation& situation,
                             const lgsp::dossiers::v1::ReappointDossierRequest& request,
                             lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideWithdraw(const Situation& situation,
                            const lgsp::dossiers::v1::WithdrawDossierRequest& request,
                            lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideErase(const Situation& situation,
                         const lgsp::dossiers::v1::EraseDossierRequest& request,
                         lgsp::dossiers::v1::Dossier& dossier);
absl::Status DecideStop(const Situation& situation,
                        const lgsp::dossiers::v1::StopDossierRequest& request,
                        lgsp::dossiers::v1::Dossier& dossier);
// By the platform itself, when the calendar may have changed: a provisional due date is counted
// again. The dossier is unchanged, with its revision, where nothing moves or the clock stands.
absl::Status DecideRecount(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);
// By the platform itself, when the applicant's answer is overdue, or a draft was not filed.
absl::Status DecideExpire(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);

}  // namespace lgsp::dossiers
