#include "services/dossiers/lifecycle.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "libs/auth/auth.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

constexpr char kHeadRole[] = "head";

struct ActorName {
  Actors actor;
  absl::string_view name;
};
constexpr ActorName kActorNames[] = {
    {kIntake, "the intake agency"},
    {kProcessing, "the settling agency when it has the file"},
    {kReceiver, "the settling agency until it has the file"},
    {kHead, "an officer of the settling agency with the role head"},
    {kApplicant, "the applicant, for whom the intake agency's systems speak"},
    {kSystem, "the platform itself"},
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
    case Command::kStart:
      return "start";
    case Command::kWaitForPayment:
      return "wait-for-payment";
    case Command::kWaitForAgency:
      return "wait-for-agency";
    case Command::kEndWait:
      return "end-wait";
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
  }
  return "";
}

Actors ActorsOf(const lgsp::auth::v1::Caller& caller, const Dossier& dossier) {
  const std::string& unit = caller.officer().unit();
  const auto acts_for = [&](const std::string& agency) {
    return auth::ActsFor(caller, agency) && (unit.empty() || unit == agency);
  };
  Actors actors = 0;
  if (acts_for(dossier.intake_agency())) actors |= kIntake | kApplicant;
  if (!acts_for(dossier.settling_agency())) return actors;
  const bool has_file = !dossier.has_accept_time() || dossier.has_receive_time();
  actors |= has_file ? kProcessing : kReceiver;
  const auto& roles = caller.officer().roles();
  const bool head = std::find(roles.begin(), roles.end(), kHeadRole) != roles.end();
  return head && !unit.empty() ? actors | kHead : actors;
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
