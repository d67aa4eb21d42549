// PURE: what other agencies are asked in settlement (Decree 61/2018 art. 19.5: with content and a
// limit; silence after it is reported).
#pragma once

#include "absl/status/status.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/decisions.h"

namespace lgsp::dossiers {

// Adds to `dossier`, whose wait has just begun, what its agencies are asked, and the wait's limit.
absl::Status AskAgencies(const Situation& situation,
                         const lgsp::dossiers::v1::BeginWaitRequest& request,
                         lgsp::dossiers::v1::Dossier& dossier);

absl::Status DecideAnswerConsultation(const Situation& situation,
                                      const lgsp::dossiers::v1::AnswerConsultationRequest& request,
                                      lgsp::dossiers::v1::Dossier& dossier);

// The wait has ended: who has not answered need not, and sees the dossier no more.
void CloseConsultations(lgsp::dossiers::v1::Dossier& dossier);

}  // namespace lgsp::dossiers
