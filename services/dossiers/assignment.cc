#include "services/dossiers/assignment.h"

#include <string>

#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/lifecycle.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AssignDossierRequest;
using lgsp::dossiers::v1::MoveWorkRequest;

constexpr char kWhoAssigns[] =
    "the head of the agency, the officer who has it, or one who takes what nobody has";

absl::Status CheckOfficer(absl::string_view field, const std::string& officer) {
  return officer.empty() || auth::IsOfficerId(officer)
             ? absl::OkStatus()
             : MakeFieldError("OFFICER_INVALID", field, "must be 1 to 64 of A-Z a-z 0-9 - _ .");
}

}  // namespace

absl::Status DecideAssign(const Situation& situation, const AssignDossierRequest& request,
                          Dossier& dossier) {
  return Apply(situation, Command::kAssign, dossier, [&](Dossier& d) -> absl::Status {
    RETURN_IF_ERROR(CheckOfficer("officer", request.officer()));
    const std::string me = situation.caller == nullptr ? "" : situation.caller->officer().id();
    const bool takes = d.assigned_officer().empty() && request.officer() == me;
    const bool may =
        me.empty() || (situation.actors & kHead) != 0 || takes || d.assigned_officer() == me;
    if (!may) return CommandNotYours(CommandName(Command::kAssign), kWhoAssigns);
    d.set_assigned_officer(request.officer());
    return absl::OkStatus();
  });
}

absl::Status CheckMoveWork(const Catalogue& catalogue, const Caller& caller,
                           const MoveWorkRequest& request) {
  if (catalogue.FindAgency(request.agency()) == nullptr) {
    return AgencyUnknown("agency", request.agency());
  }
  if (request.from_officer().empty()) {
    return MakeFieldError("OFFICER_INVALID", "from_officer", "must be given");
  }
  RETURN_IF_ERROR(CheckOfficer("from_officer", request.from_officer()));
  RETURN_IF_ERROR(CheckOfficer("to_officer", request.to_officer()));
  const bool may =
      ActsForUnit(caller, request.agency()) && (caller.officer().id().empty() || IsHead(caller));
  return may ? absl::OkStatus() : CommandNotYours("move-work", "the head of the agency");
}

}  // namespace lgsp::dossiers
