#include "services/dossiers/consultation.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/due_decision.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/lifecycle.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::AnswerConsultationRequest;
using lgsp::dossiers::v1::BeginWaitRequest;
using lgsp::dossiers::v1::Consultation;
using lgsp::dossiers::v1::ConsultationRequest;
using lgsp::dossiers::v1::DayRun;

absl::Status CheckAsked(const Situation& situation, const BeginWaitRequest& request,
                        const Dossier& dossier) {
  if (request.consultations_size() > kMaxConsultations) {
    return ConsultationsInvalid(absl::StrCat("must be at most ", kMaxConsultations));
  }
  if (request.kind() != DayRun::OTHER_AGENCY) {
    return ConsultationsInvalid("only with the kind OTHER_AGENCY");
  }
  std::set<std::string> asked;
  for (const ConsultationRequest& one : request.consultations()) {
    const Agency* agency = situation.catalogue.FindAgency(one.agency());
    if (agency == nullptr) return AgencyUnknown("consultations.agency", one.agency());
    if (!agency->ActsOn(VietnamDay(situation.now))) {
      return AgencyClosed(agency->code, agency->successor);
    }
    if (one.agency() == dossier.settling_agency() || !asked.insert(one.agency()).second) {
      return ConsultationsInvalid("each must be another agency than the one that asks, none twice");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AskAgencies(const Situation& situation, const BeginWaitRequest& request,
                         Dossier& dossier) {
  if (request.answer_days() < 0 || request.answer_days() > kMaxAnswerDays) {
    return AnswerDaysInvalid();
  }
  if (request.consultations().empty()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckAsked(situation, request, dossier));
  const int days = request.answer_days() > 0
                       ? request.answer_days()
                       : situation.catalogue.PoliciesOf(dossier).consultation_working_days;
  ASSIGN_OR_RETURN(const absl::Time deadline, AnswerDeadline(situation, days, dossier));
  *dossier.mutable_waits()->rbegin()->mutable_answer_deadline() = ToTimestamp(deadline);
  for (const ConsultationRequest& one : request.consultations()) {
    Consultation& consultation = *dossier.add_consultations();
    consultation.set_agency(one.agency());
    *consultation.mutable_ask_time() = ToTimestamp(situation.now);
    *consultation.mutable_answer_deadline() = ToTimestamp(deadline);
    ASSIGN_OR_RETURN(*consultation.mutable_question(),
                     CleanText("consultations.question", one.question(), 1, kMaxReasonCharacters));
  }
  return absl::OkStatus();
}

absl::Status DecideAnswerConsultation(const Situation& situation,
                                      const AnswerConsultationRequest& request, Dossier& dossier) {
  return Apply(situation, Command::kAnswerConsultation, dossier, [&](Dossier& d) -> absl::Status {
    if (situation.catalogue.FindAgency(request.agency()) == nullptr) {
      return AgencyUnknown("agency", request.agency());
    }
    const auto open = std::find_if(d.mutable_consultations()->begin(),
                                   d.mutable_consultations()->end(), [&](const Consultation& c) {
                                     return c.agency() == request.agency() && IsOpen(c) &&
                                            ActsForUnit(*situation.caller, c.agency());
                                   });
    if (open == d.mutable_consultations()->end()) return NotConsulted(request.agency());
    ASSIGN_OR_RETURN(*open->mutable_answer(),
                     CleanText("answer", request.answer(), 1, kMaxReasonCharacters));
    *open->mutable_answer_time() = ToTimestamp(situation.now);
    return absl::OkStatus();
  });
}

void CloseConsultations(Dossier& dossier) {
  for (Consultation& consultation : *dossier.mutable_consultations()) {
    if (IsOpen(consultation)) consultation.set_unanswered(true);
  }
}

}  // namespace lgsp::dossiers
