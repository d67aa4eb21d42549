// PURE: which term a dossier has, and how its due date moves with what it goes through.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/decisions.h"

namespace lgsp::dossiers {

// The due date of a dossier that is accepted now: by the channel's one term, the row named, or the
// officer's date.
absl::StatusOr<lgsp::dossiers::v1::DueDate> DecideDue(
    const Situation& situation, const Procedure& procedure,
    const lgsp::dossiers::v1::AcceptDossierRequest& request,
    const lgsp::dossiers::v1::Dossier& dossier);

// Until when what is asked now may be answered: `days` working days of the settling agency.
absl::StatusOr<absl::Time> AnswerDeadline(const Situation& situation, int days,
                                          const lgsp::dossiers::v1::Dossier& dossier);

// Whether the answer to the last supplement request makes the term begin again, by the procedure's
// policy: only when it was asked for soon after the receipt and before the due date. A late request
// must not make an overdue dossier punctual.
bool AnswerRestartsClock(const Situation& situation, const lgsp::dossiers::v1::Dossier& dossier);

// The term begins again now; an officer's date is as many days after it as it was at first.
absl::Status RestartClock(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);

// The term goes on after the last wait, in which the clock stood. An officer's date moves by the
// days of the waits. Never to an earlier date, though the calendar may have changed.
absl::Status ResumeClock(const Situation& situation, lgsp::dossiers::v1::Dossier& dossier);

// What an officer gave as a due date must be in the future, at most kFarthestDueTime ahead; whole
// seconds. INVALID_ARGUMENT DUE_TIME_INVALID.
absl::StatusOr<absl::Time> CheckDueTime(const google::protobuf::Timestamp& given, absl::Time now);

}  // namespace lgsp::dossiers
