// PURE: which command leads from which state to which, and who may give it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Dossier;

// In what capacity a command is given; a caller may have several. Officers' units and roles are
// what their agency's system says of them.
using Actors = uint8_t;
inline constexpr Actors kIntake = 1;
// The settling agency that has the file: by the officer it is assigned to, if it is.
inline constexpr Actors kProcessing = 2;
// The settling agency of a dossier that the intake accepted, before it has the file.
inline constexpr Actors kReceiver = 32;
// An officer of the settling agency with the role `head`.
inline constexpr Actors kHead = 4;
// Until persons have identities of their own, whoever acts for the intake speaks for them.
inline constexpr Actors kApplicant = 8;
// The service itself, when a limit has passed.
inline constexpr Actors kSystem = 16;
// An agency that was asked in settlement and has not answered.
inline constexpr Actors kConsulted = 64;
// Where the result is handed over.
inline constexpr Actors kReturnPoint = 128;
inline constexpr Actors kEverybody = 255;

enum class Command {
  // Leads to SUBMITTED, from nothing.
  kSubmit,
  // Leads to DRAFT, from nothing.
  kDraft,
  kUpdateDraft,
  kFile,
  kAccept,
  kReject,
  kAskSupplement,
  kAnswerSupplement,
  kTransfer,
  kReceive,
  kForward,
  kSendBack,
  kAssign,
  kStart,
  kWaitForPayment,
  kWaitForAgency,
  kEndWait,
  kAnswerConsultation,
  // Ends the wait for agencies that did not answer in time.
  kLapse,
  kSign,
  kReappoint,
  kComplete,
  kReturn,
  kWithdraw,
  kStop,
  kExpire,
  // Counts a provisional due date again.
  kRecount,
  // Makes what is personal of a dossier that has ended unreadable.
  kErase,
};

struct Step {
  Dossier::State from;
  Command command;
  Actors by;
  Dossier::State to;
};

inline constexpr Step kSteps[] = {
    {Dossier::DRAFT, Command::kUpdateDraft, kApplicant, Dossier::DRAFT},
    {Dossier::DRAFT, Command::kFile, kApplicant, Dossier::SUBMITTED},
    {Dossier::DRAFT, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},
    {Dossier::DRAFT, Command::kExpire, kSystem, Dossier::EXPIRED},

    {Dossier::SUBMITTED, Command::kAccept, kIntake | kProcessing, Dossier::ACCEPTED},
    {Dossier::SUBMITTED, Command::kReject, kIntake | kProcessing, Dossier::REJECTED},
    {Dossier::SUBMITTED, Command::kAskSupplement, kIntake | kProcessing,
     Dossier::SUPPLEMENT_ASKED_AT_INTAKE},
    {Dossier::SUBMITTED, Command::kForward, kIntake | kProcessing, Dossier::SUBMITTED},
    {Dossier::SUBMITTED, Command::kAssign, kProcessing | kHead, Dossier::SUBMITTED},
    {Dossier::SUBMITTED, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},

    {Dossier::SUPPLEMENT_ASKED_AT_INTAKE, Command::kAnswerSupplement, kApplicant,
     Dossier::SUBMITTED},
    {Dossier::SUPPLEMENT_ASKED_AT_INTAKE, Command::kAssign, kProcessing | kHead,
     Dossier::SUPPLEMENT_ASKED_AT_INTAKE},
    {Dossier::SUPPLEMENT_ASKED_AT_INTAKE, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},
    {Dossier::SUPPLEMENT_ASKED_AT_INTAKE, Command::kExpire, kSystem, Dossier::EXPIRED},

    {Dossier::ACCEPTED, Command::kTransfer, kIntake, Dossier::TRANSFERRED},
    // Nothing on paper need be carried.
    {Dossier::ACCEPTED, Command::kReceive, kReceiver, Dossier::IN_PROGRESS},
    {Dossier::ACCEPTED, Command::kForward, kIntake | kProcessing | kReceiver, Dossier::TRANSFERRED},
    {Dossier::ACCEPTED, Command::kAssign, kProcessing | kReceiver | kHead, Dossier::ACCEPTED},
    {Dossier::ACCEPTED, Command::kStart, kProcessing, Dossier::IN_PROGRESS},
    {Dossier::ACCEPTED, Command::kAskSupplement, kProcessing, Dossier::SUPPLEMENT_ASKED},
    {Dossier::ACCEPTED, Command::kReappoint, kHead, Dossier::ACCEPTED},
    // With immediate result there is nothing between.
    {Dossier::ACCEPTED, Command::kComplete, kProcessing, Dossier::COMPLETED},
    {Dossier::ACCEPTED, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},
    {Dossier::ACCEPTED, Command::kStop, kHead, Dossier::STOPPED},
    {Dossier::ACCEPTED, Command::kRecount, kSystem, Dossier::ACCEPTED},

    {Dossier::TRANSFERRED, Command::kReceive, kReceiver, Dossier::IN_PROGRESS},
    {Dossier::TRANSFERRED, Command::kForward, kReceiver, Dossier::TRANSFERRED},
    {Dossier::TRANSFERRED, Command::kSendBack, kReceiver, Dossier::ACCEPTED},
    {Dossier::TRANSFERRED, Command::kAssign, kReceiver | kHead, Dossier::TRANSFERRED},
    {Dossier::TRANSFERRED, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},

    {Dossier::IN_PROGRESS, Command::kForward, kProcessing, Dossier::TRANSFERRED},
    {Dossier::IN_PROGRESS, Command::kSendBack, kProcessing, Dossier::ACCEPTED},
    {Dossier::IN_PROGRESS, Command::kAssign, kProcessing | kHead, Dossier::IN_PROGRESS},
    {Dossier::IN_PROGRESS, Command::kAskSupplement, kProcessing, Dossier::SUPPLEMENT_ASKED},
    {Dossier::IN_PROGRESS, Command::kWaitForPayment, kProcessing, Dossier::WAITING_PAYMENT},
    {Dossier::IN_PROGRESS, Command::kWaitForAgency, kProcessing, Dossier::WAITING_AGENCY},
    {Dossier::IN_PROGRESS, Command::kSign, kHead, Dossier::SIGNED},
    {Dossier::IN_PROGRESS, Command::kReappoint, kHead, Dossier::IN_PROGRESS},
    {Dossier::IN_PROGRESS, Command::kComplete, kProcessing, Dossier::COMPLETED},
    {Dossier::IN_PROGRESS, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},
    {Dossier::IN_PROGRESS, Command::kStop, kHead, Dossier::STOPPED},
    {Dossier::IN_PROGRESS, Command::kRecount, kSystem, Dossier::IN_PROGRESS},

    {Dossier::SUPPLEMENT_ASKED, Command::kAnswerSupplement, kApplicant, Dossier::IN_PROGRESS},
    {Dossier::SUPPLEMENT_ASKED, Command::kAssign, kProcessing | kHead, Dossier::SUPPLEMENT_ASKED},
    {Dossier::SUPPLEMENT_ASKED, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},
    {Dossier::SUPPLEMENT_ASKED, Command::kStop, kHead, Dossier::STOPPED},
    {Dossier::SUPPLEMENT_ASKED, Command::kExpire, kSystem, Dossier::EXPIRED},

    {Dossier::WAITING_PAYMENT, Command::kEndWait, kProcessing, Dossier::IN_PROGRESS},
    {Dossier::WAITING_PAYMENT, Command::kAssign, kProcessing | kHead, Dossier::WAITING_PAYMENT},
    {Dossier::WAITING_PAYMENT, Command::kReappoint, kHead, Dossier::WAITING_PAYMENT},
    {Dossier::WAITING_PAYMENT, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},
    {Dossier::WAITING_PAYMENT, Command::kStop, kHead, Dossier::STOPPED},
    {Dossier::WAITING_PAYMENT, Command::kRecount, kSystem, Dossier::WAITING_PAYMENT},

    {Dossier::WAITING_AGENCY, Command::kEndWait, kProcessing, Dossier::IN_PROGRESS},
    {Dossier::WAITING_AGENCY, Command::kAnswerConsultation, kConsulted, Dossier::WAITING_AGENCY},
    {Dossier::WAITING_AGENCY, Command::kLapse, kSystem, Dossier::IN_PROGRESS},
    {Dossier::WAITING_AGENCY, Command::kAssign, kProcessing | kHead, Dossier::WAITING_AGENCY},
    {Dossier::WAITING_AGENCY, Command::kReappoint, kHead, Dossier::WAITING_AGENCY},
    {Dossier::WAITING_AGENCY, Command::kWithdraw, kApplicant, Dossier::WITHDRAWN},
    {Dossier::WAITING_AGENCY, Command::kStop, kHead, Dossier::STOPPED},
    {Dossier::WAITING_AGENCY, Command::kRecount, kSystem, Dossier::WAITING_AGENCY},

    // A decision exists: it can be neither withdrawn nor stopped (vietnam.md 0a.9).
    {Dossier::SIGNED, Command::kComplete, kProcessing, Dossier::COMPLETED},
    {Dossier::SIGNED, Command::kAssign, kProcessing | kHead, Dossier::SIGNED},
    {Dossier::SIGNED, Command::kRecount, kSystem, Dossier::SIGNED},
    {Dossier::COMPLETED, Command::kReturn, kIntake | kProcessing | kReturnPoint, Dossier::RETURNED},

    {Dossier::RETURNED, Command::kErase, kHead, Dossier::RETURNED},
    {Dossier::REJECTED, Command::kErase, kHead, Dossier::REJECTED},
    {Dossier::WITHDRAWN, Command::kErase, kHead, Dossier::WITHDRAWN},
    {Dossier::STOPPED, Command::kErase, kHead, Dossier::STOPPED},
    {Dossier::EXPIRED, Command::kErase, kHead, Dossier::EXPIRED},
};

// `accept`, `ask-supplement` …
absl::string_view CommandName(Command command);

// An officer with this role decides for his agency.
bool IsHead(const lgsp::auth::v1::Caller& caller);

// True when the calling system acts for `agency`, and its officer, if it names one, belongs to it.
bool ActsForUnit(const lgsp::auth::v1::Caller& caller, absl::string_view agency);

// Asked, and neither answered nor given up.
bool IsOpen(const lgsp::dossiers::v1::Consultation& consultation);

// In what capacities `caller` may act on a dossier: its system for the dossier's agencies, an
// officer for his unit among them. 0: in none.
Actors ActorsOf(const lgsp::auth::v1::Caller& caller, const Dossier& dossier);

// The state after `command` of `actors`. FAILED_PRECONDITION STATE_FORBIDS_COMMAND with what is
// allowed them now; PERMISSION_DENIED COMMAND_NOT_YOURS with who may.
absl::StatusOr<Dossier::State> Next(Dossier::State state, Command command, Actors actors);

// Whose a dossier is: intake, settling agency, return point, and those that are asked now; of a
// draft only the intake; sorted, each once.
std::vector<std::string> AgenciesOf(const Dossier& dossier);

// Nothing more happens to a dossier in this state, but that it is erased.
bool IsFinal(Dossier::State state);

// When a dossier has to be looked at next for want of an answer, at `now`: to warn the applicant
// (kReminders), or to end the wait or the draft. Nothing: it waits for no one with a limit.
std::optional<absl::Time> NextLook(const Dossier& dossier, absl::Time now);

// The wait that has not ended, or nullptr.
const lgsp::dossiers::v1::Wait* OpenWait(const Dossier& dossier);

// The national portal's status of a state (vietnam.md 1.3): 1 to 10.
int PortalStatus(Dossier::State state);

}  // namespace lgsp::dossiers
