#include "services/dossiers/dossier_events.h"

#include <algorithm>

#include "lgsp/dossiers/v1/events.pb.h"
#include "libs/clock/timestamp.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::Message;
using google::protobuf::Timestamp;

// An event that names the dossier, its code and its agency, and says when at `time`.
template <typename Event>
std::unique_ptr<Event> About(const Dossier& dossier, Timestamp* (Event::*time)(), absl::Time now) {
  auto event = std::make_unique<Event>();
  event->set_dossier(dossier.name());
  event->set_code(dossier.code());
  event->set_settling_agency(dossier.settling_agency());
  *((*event).*time)() = ToTimestamp(now);
  return event;
}

// The same, with the due date where there is one.
template <typename Event>
std::unique_ptr<Event> WithDue(const Dossier& dossier, Timestamp* (Event::*time)(),
                               absl::Time now) {
  auto event = About(dossier, time, now);
  if (dossier.has_due()) *event->mutable_due_time() = dossier.due().due_time();
  return event;
}

std::unique_ptr<Message> Submitted(const Dossier& dossier) {
  auto event = std::make_unique<v1::DossierSubmitted>();
  event->set_dossier(dossier.name());
  event->set_procedure(dossier.procedure());
  event->set_intake_agency(dossier.intake_agency());
  event->set_settling_agency(dossier.settling_agency());
  *event->mutable_submit_time() = dossier.submit_time();
  return event;
}

std::unique_ptr<Message> Drafted(const Dossier& dossier) {
  auto event = std::make_unique<v1::DossierDrafted>();
  event->set_dossier(dossier.name());
  event->set_procedure(dossier.procedure());
  event->set_intake_agency(dossier.intake_agency());
  *event->mutable_draft_deadline() = dossier.draft_deadline();
  return event;
}

std::unique_ptr<Message> DraftUpdated(const Dossier& dossier) {
  auto event = std::make_unique<v1::DossierDraftUpdated>();
  event->set_dossier(dossier.name());
  event->set_intake_agency(dossier.intake_agency());
  *event->mutable_draft_deadline() = dossier.draft_deadline();
  return event;
}

std::unique_ptr<Message> DraftEnded(const Dossier& dossier, absl::Time time) {
  auto event = std::make_unique<v1::DossierDraftEnded>();
  event->set_dossier(dossier.name());
  event->set_intake_agency(dossier.intake_agency());
  event->set_state(dossier.state());
  *event->mutable_end_time() = ToTimestamp(time);
  return event;
}

std::unique_ptr<Message> Rejected(const Dossier& dossier) {
  auto event = std::make_unique<v1::DossierRejected>();
  event->set_dossier(dossier.name());
  event->set_settling_agency(dossier.settling_agency());
  *event->mutable_reject_time() = dossier.reject_time();
  return event;
}

std::unique_ptr<Message> SupplementAsked(const Dossier& dossier, absl::Time time) {
  auto event = About(dossier, &v1::DossierSupplementAsked::mutable_ask_time, time);
  *event->mutable_answer_deadline() = dossier.waits().rbegin()->answer_deadline();
  return event;
}

std::unique_ptr<Message> WaitBegun(const Dossier& dossier, absl::Time time) {
  auto event = About(dossier, &v1::DossierWaitBegun::mutable_begin_time, time);
  event->set_waits_for(dossier.waits().rbegin()->kind());
  return event;
}

std::unique_ptr<Message> Transferred(const Dossier& dossier, absl::Time time) {
  auto event = About(dossier, &v1::DossierTransferred::mutable_transfer_time, time);
  event->set_intake_agency(dossier.intake_agency());
  return event;
}

// The file went from an agency to another.
template <typename Event>
std::unique_ptr<Message> Moved(const Dossier& dossier, Timestamp* (Event::*time)(),
                               absl::Time now) {
  auto event = About(dossier, time, now);
  event->set_from_agency(dossier.hops().rbegin()->from_agency());
  return event;
}

std::unique_ptr<Message> ConsultationAnswered(const Dossier& dossier, absl::Time time) {
  auto event = About(dossier, &v1::DossierConsultationAnswered::mutable_answer_time, time);
  // The one answered last.
  const auto& asked = dossier.consultations();
  const auto answered =
      std::find_if(asked.rbegin(), asked.rend(), [&](const v1::Consultation& one) {
        return one.has_answer_time() && ToTime(one.answer_time()) == time;
      });
  if (answered != asked.rend()) event->set_agency(answered->agency());
  return event;
}

std::unique_ptr<Message> Accepted(const Dossier& dossier, absl::Time time) {
  auto event = WithDue(dossier, &v1::DossierAccepted::mutable_accept_time, time);
  event->set_procedure(dossier.procedure());
  return event;
}

std::unique_ptr<Message> Erased(const Dossier& dossier, absl::Time time) {
  auto event = About(dossier, &v1::DossierErased::mutable_erase_time, time);
  event->set_reason(dossier.erasure().reason());
  return event;
}

std::unique_ptr<Message> Reappointed(const Dossier& dossier, absl::Time time) {
  auto event = WithDue(dossier, &v1::DossierReappointed::mutable_reappoint_time, time);
  *event->mutable_new_due_time() = dossier.reappointment().due_time();
  return event;
}

}  // namespace

std::unique_ptr<Message> MakeEvent(const Dossier& dossier, Command command, absl::Time time) {
  switch (command) {
    case Command::kSubmit:
      return Submitted(dossier);
    case Command::kFile:
      return Submitted(dossier);
    case Command::kDraft:
      return Drafted(dossier);
    case Command::kUpdateDraft:
      return DraftUpdated(dossier);
    case Command::kAccept:
      return Accepted(dossier, time);
    case Command::kReject:
      return Rejected(dossier);
    case Command::kAskSupplement:
      return SupplementAsked(dossier, time);
    case Command::kAnswerSupplement:
      return WithDue(dossier, &v1::DossierSupplementAnswered::mutable_answer_time, time);
    case Command::kTransfer:
      return Transferred(dossier, time);
    case Command::kReceive:
      return WithDue(dossier, &v1::DossierReceived::mutable_receive_time, time);
    case Command::kForward:
      return Moved(dossier, &v1::DossierForwarded::mutable_forward_time, time);
    case Command::kSendBack:
      return Moved(dossier, &v1::DossierSentBack::mutable_send_back_time, time);
    case Command::kAssign:
      return About(dossier, &v1::DossierAssigned::mutable_assign_time, time);
    case Command::kAnswerConsultation:
      return ConsultationAnswered(dossier, time);
    case Command::kStart:
      return About(dossier, &v1::DossierStarted::mutable_begin_time, time);
    case Command::kWaitForPayment:
    case Command::kWaitForAgency:
      return WaitBegun(dossier, time);
    case Command::kEndWait:
    case Command::kLapse:
      return WithDue(dossier, &v1::DossierWaitEnded::mutable_end_time, time);
    case Command::kSign:
      return About(dossier, &v1::DossierSigned::mutable_sign_time, time);
    case Command::kReappoint:
      return Reappointed(dossier, time);
    case Command::kComplete:
      return WithDue(dossier, &v1::DossierCompleted::mutable_complete_time, time);
    case Command::kReturn:
      return About(dossier, &v1::DossierReturned::mutable_return_time, time);
    case Command::kWithdraw:
      if (!dossier.has_submit_time()) return DraftEnded(dossier, time);
      return About(dossier, &v1::DossierWithdrawn::mutable_withdraw_time, time);
    case Command::kStop:
      return About(dossier, &v1::DossierStopped::mutable_stop_time, time);
    case Command::kExpire:
      if (!dossier.has_submit_time()) return DraftEnded(dossier, time);
      return About(dossier, &v1::DossierExpired::mutable_expire_time, time);
    case Command::kRecount:
      return WithDue(dossier, &v1::DossierRecounted::mutable_recount_time, time);
    case Command::kErase:
      return Erased(dossier, time);
  }
  return nullptr;
}

std::unique_ptr<Message> MakeReminder(const Dossier& dossier) {
  auto event = std::make_unique<v1::SupplementDue>();
  event->set_dossier(dossier.name());
  event->set_code(dossier.code());
  event->set_settling_agency(dossier.settling_agency());
  *event->mutable_answer_deadline() = dossier.waits().rbegin()->answer_deadline();
  return event;
}

}  // namespace lgsp::dossiers
