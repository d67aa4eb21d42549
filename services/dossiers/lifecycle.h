// PURE: which command leads from which state to which.
#pragma once

#include "absl/status/statusor.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Dossier;

enum class Command { kAccept, kComplete, kReturn, kReject };

struct Step {
  Dossier::State from;
  Command command;
  Dossier::State to;
};

inline constexpr Step kSteps[] = {
    {Dossier::SUBMITTED, Command::kAccept, Dossier::ACCEPTED},
    {Dossier::SUBMITTED, Command::kReject, Dossier::REJECTED},
    {Dossier::ACCEPTED, Command::kComplete, Dossier::COMPLETED},
    {Dossier::COMPLETED, Command::kReturn, Dossier::RETURNED},
};

// `accept`, `complete` …
absl::string_view CommandName(Command command);

// The state after `command`. FAILED_PRECONDITION STATE_FORBIDS_COMMAND, with what is allowed now.
absl::StatusOr<Dossier::State> Next(Dossier::State state, Command command);

// The national portal's status of a state (vietnam.md 1.3): 1 to 10.
int PortalStatus(Dossier::State state);

}  // namespace lgsp::dossiers
