#include "services/dossiers/lifecycle.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {

absl::string_view CommandName(Command command) {
  switch (command) {
    case Command::kAccept:
      return "accept";
    case Command::kComplete:
      return "complete";
    case Command::kReturn:
      return "return";
    case Command::kReject:
      return "reject";
  }
  return "";
}

absl::StatusOr<Dossier::State> Next(Dossier::State state, Command command) {
  std::vector<absl::string_view> allowed;
  for (const Step& step : kSteps) {
    if (step.from != state) continue;
    if (step.command == command) return step.to;
    allowed.push_back(CommandName(step.command));
  }
  return StateForbidsCommand(Dossier::State_Name(state), CommandName(command),
                             absl::StrJoin(allowed, ", "));
}

int PortalStatus(Dossier::State state) {
  switch (state) {
    case Dossier::SUBMITTED:
      return 1;
    case Dossier::ACCEPTED:
      return 2;
    case Dossier::REJECTED:
      return 3;
    case Dossier::COMPLETED:
      return 9;
    case Dossier::RETURNED:
      return 10;
    default:
      return 0;
  }
}

}  // namespace lgsp::dossiers
