#include "services/dossiers/lifecycle.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "libs/auth/auth.h"
#include "libs/clock/timestamp.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Consultation;

constexpr char kHeadRole[] = "head";

struct ActorName {
  Actors actor;
  absl::string_view name;
};
constexpr ActorName kActorNames[] = {
    {kIntake, "the intake agency"},
    {kProcessing, "the settling agency when it has the file, by the officer it is assigned to"},
    {kReceiver, "the settling agency until it has the file"},
    {kHead, "an officer of the settling agency with the role head"},
    {kApplicant, "the applicant, for whom the intake agency's systems speak"},
    {kSystem, "the platform itself"},
    {kConsulted, "an agency that was asked and has not answered"},
    {kReturnPoint, "the agency where the result is handed over"},
};

std::string NamesOf(Actors actors) {
  std::vector<absl::string_view> names;
  for (const ActorName& one : kActorNames) {
    if ((actors & one.actor) != 0) names.push_back(one.name);
  }
  return absl::StrJoin(names, " or ");
}

}  // namespace

absl::string_view CommandName(Command command) {
  switch (command) {
    case Command::kSubmit:
      return "submit";
    case Command::kDraft:
      return "draft";
    case Command::kUpdateDraft:
      return "update-draft";
    case Command::kFile:
      return "file";
    case Command::kAccept:
      return "accept";
    case Command::kReject:
      return "reject";
    case Command::kAskSupplement:
      return "ask-supplement";
    case Command::kAnswerSupplement:
      return "answer-supplement";
    case Command::kTransfer:
      return "transfer";
    case Command::kReceive:
      return "receive";
    case Command::kForward:
      return "forward";
    case Command::kSendBack:
      return "send-back";
    case Command::kAssign:
      return "assign";
    case Command::kStart:
      return "start";
    case Command::kWaitForPayment:
      return "wait-for-payment";
    case Command::kWaitForAgency:
      return "wait-for-agency";
    case Command::kEndWait:
      return "end-wait";
    case Command::kAnswerConsultation:
      return "answer-consultation";
    case Command::kLapse:
      return "lapse";
    case Command::kSign:
      return "sign";
    case Command::kReappoint:
      return "reappoint";
    case Command::kComplete:
      return "complete";
    case Command::kReturn:
      return "return";
    case Command::kWithdraw:
      return "withdraw";
    case Command::kStop:
      return "stop";
    case Command::kExpire:
      return "expire";
    case Command::kRecount:
      return "recount";
    case Command::kErase:
      return "erase";
  }
  return "";
}

bool IsHead(const lgsp::auth::v1::Caller& caller) {
  const auto& roles = caller.officer().roles();
  return !caller.officer().unit().empty() &&
         std::find(roles.begin(), roles.end(), kHeadRole) != roles.end();
}

bool ActsForUnit(const lgsp::auth::v1::Caller& caller, absl::string_view agency) {
  const std::string& unit = caller.officer().unit();
  return auth::ActsFor(caller, agency) && (unit.empty() || unit == agency);
}

bool IsOpen(const Consultation& consultation) {
  return !consultation.has_answer_time() && !consultation.unanswered();
}

Actors ActorsOf(const lgsp::auth::v1::Caller& caller, const Dossier& dossier) {
  const auto acts_for = [&](const std::string& agency) { return ActsForUnit(caller, agency); };
  Actors actors = 0;
  if (acts_for(dossier.intake_agency())) actors |= kIntake | kApplicant;
  // Nobody else ever had a draft that was given up.
  const bool given_up = !dossier.has_submit_time() && IsFinal(dossier.state());
  if (given_up) return IsHead(caller) && actors != 0 ? actors | kHead : actors;
  if (acts_for(dossier.return_agency())) actors |= kReturnPoint;
  for (const Consultation& consultation : dossier.consultations()) {
    if (IsOpen(consultation) && acts_for(consultation.agency())) actors |= kConsulted;
  }
  // Nobody settles what was not filed.
  if (dossier.state() == Dossier::DRAFT || !acts_for(dossier.settling_agency())) return actors;
  if (IsHead(caller)) actors |= kHead;
  const bool has_file = !dossier.has_accept_time() || dossier.has_receive_time();
  if (!has_file) return actors | kReceiver;
  const std::string& officer = caller.officer().id();
  const bool mine = dossier.assigned_officer().empty() || officer.empty() ||
                    officer == dossier.assigned_officer() || IsHead(caller);
  return mine ? actors | kProcessing : actors;
}

std::vector<std::string> AgenciesOf(const Dossier& dossier) {
  // Also when it was given up: those who were to settle it never had it.
  if (!dossier.has_submit_time()) return {dossier.intake_agency()};
  std::vector<std::string> agencies = {dossier.intake_agency(), dossier.settling_agency()};
  if (!dossier.return_agency().empty()) agencies.push_back(dossier.return_agency());
  for (const Consultation& consultation : dossier.consultations()) {
    if (IsOpen(consultation)) agencies.push_back(consultation.agency());
  }
  std::sort(agencies.begin(), agencies.end());
  agencies.erase(std::unique(agencies.begin(), agencies.end()), agencies.end());
  return agencies;
}

absl::StatusOr<Dossier::State> Next(Dossier::State state, Command command, Actors actors) {
  std::vector<absl::string_view> allowed;
  Actors others = 0;
  for (const Step& step : kSteps) {
    if (step.from != state) continue;
    const bool may = (step.by & actors) != 0;
    if (step.command == command) {
      if (may) return step.to;
      others |= step.by;
    }
    if (may) allowed.push_back(CommandName(step.command));
  }
  if (others != 0) return CommandNotYours(CommandName(command), NamesOf(others));
  return StateForbidsCommand(Dossier::State_Name(state), CommandName(command),
                             absl::StrJoin(allowed, ", "));
}

bool IsFinal(Dossier::State state) {
  return std::none_of(std::begin(kSteps), std::end(kSteps), [&](const Step& step) {
    return step.from == state && step.command != Command::kErase;
  });
}

std::optional<absl::Time> NextLook(const Dossier& dossier, absl::Time now) {
  if (dossier.state() == Dossier::DRAFT) return ToTime(dossier.draft_deadline());
  const lgsp::dossiers::v1::Wait* wait = OpenWait(dossier);
  if (wait == nullptr || !wait->has_answer_deadline()) return std::nullopt;
  const absl::Time deadline = ToTime(wait->answer_deadline());
  if (wait->kind() != lgsp::dossiers::v1::DayRun::SUPPLEMENT) return deadline;
  for (const absl::Duration before : kReminders) {
    if (now < deadline - before) return deadline - before;
  }
  return deadline;
}

const lgsp::dossiers::v1::Wait* OpenWait(const Dossier& dossier) {
  if (dossier.waits().empty() || dossier.waits().rbegin()->has_end_time()) return nullptr;
  return &*dossier.waits().rbegin();
}

int PortalStatus(Dossier::State state) {
  switch (state) {
    case Dossier::SUBMITTED:
      return 1;
    case Dossier::ACCEPTED:
    case Dossier::TRANSFERRED:
      return 2;
    case Dossier::REJECTED:
      return 3;
    case Dossier::IN_PROGRESS:
    case Dossier::WAITING_AGENCY:
    case Dossier::SIGNED:
      return 4;
    case Dossier::SUPPLEMENT_ASKED_AT_INTAKE:
    case Dossier::SUPPLEMENT_ASKED:
      return 5;
    case Dossier::WAITING_PAYMENT:
      return 6;
    case Dossier::WITHDRAWN:
      return 7;
    case Dossier::STOPPED:
    case Dossier::EXPIRED:
      return 8;
    case Dossier::COMPLETED:
      return 9;
    case Dossier::RETURNED:
      return 10;
    default:
      return 0;
  }
}

}  // namespace lgsp::dossiers
