#include "services/dossiers/decisions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "libs/text/text.h"
#include "services/dossiers/applicants.h"
#include "services/dossiers/due_decision.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/lifecycle.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/routing.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::RejectDossierRequest;
using lgsp::dossiers::v1::SubmitDossierRequest;

}  // namespace

// text::Clean, with a limit to the bytes too.
absl::StatusOr<std::string> CleanText(absl::string_view field, absl::string_view text, int min,
                                      int max) {
  if (text.size() > static_cast<size_t>(max) * kMaxBytesPerCharacter) {
    return MakeFieldError("TEXT_TOO_LONG", field,
                          absl::StrCat("is longer than ", max, " characters"));
  }
  return text::Clean(field, text, min, max);
}

void Advance(Dossier::State next, Dossier& dossier) {
  dossier.set_state(next);
  dossier.set_revision(dossier.revision() + 1);
}

absl::Status Apply(const Situation& situation, Command command, Dossier& dossier,
                   absl::FunctionRef<absl::Status(Dossier& changed)> change) {
  ASSIGN_OR_RETURN(const Dossier::State next, Next(dossier.state(), command, situation.actors));
  Dossier changed = dossier;
  RETURN_IF_ERROR(change(changed));
  Advance(next, changed);
  dossier.Swap(&changed);
  return absl::OkStatus();
}

absl::StatusOr<Dossier> DecideSubmit(const Catalogue& catalogue, const Caller& caller,
                                     const SubmitDossierRequest& request, absl::Time now) {
  const Procedure* procedure = catalogue.FindProcedure(request.procedure());
  if (procedure == nullptr) return ProcedureUnknown(request.procedure());
  if (procedure->scope() != Procedure::HERE) {
    return ProcedureNotSettledHere(procedure->code(), Procedure::Scope_Name(procedure->scope()));
  }
  if (!catalogue.PoliciesOf(*procedure).in_force) return ProcedureNotInForce(procedure->code());
  if (!Dossier::Channel_IsValid(request.channel()) ||
      request.channel() == Dossier::CHANNEL_UNSPECIFIED) {
    return MakeFieldError("CHANNEL_INVALID", "channel", "must be one of the channels");
  }
  if (!Offers(*procedure, request.channel())) return ChannelNotOffered(*procedure);
  Dossier dossier;
  RETURN_IF_ERROR(RouteSubmission(catalogue, caller, request, *procedure, now, dossier));
  ASSIGN_OR_RETURN(*dossier.mutable_applicant(), CleanApplicant(request.applicant(), now));
  if (request.has_assistance()) {
    ASSIGN_OR_RETURN(*dossier.mutable_assistance(),
                     CleanAssistance(request.assistance(), caller, now));
  }
  ASSIGN_OR_RETURN(*dossier.mutable_subject(),
                   CleanText("subject", request.subject(), 0, kMaxSubjectCharacters));
  dossier.set_state(Dossier::SUBMITTED);
  dossier.set_revision(1);
  dossier.set_procedure(procedure->code());
  dossier.set_procedure_version(procedure->version());
  dossier.set_channel(request.channel());
  *dossier.mutable_submit_time() = ToTimestamp(now);
  return dossier;
}

absl::Status DecideAccept(const Situation& situation, const AcceptDossierRequest& request,
                          Dossier& dossier) {
  ASSIGN_OR_RETURN(const Dossier::State next,
                   Next(dossier.state(), Command::kAccept, situation.actors));
  if (dossier.undetermined()) return CompetenceUndetermined();
  const Procedure* procedure = situation.catalogue.ProcedureOf(dossier);
  if (procedure == nullptr) return ProcedureUnknown(dossier.procedure());
  const Dossier::Channel channel =
      request.channel() == Dossier::CHANNEL_UNSPECIFIED ? dossier.channel() : request.channel();
  if (!Dossier::Channel_IsValid(channel)) {
    return MakeFieldError("CHANNEL_INVALID", "channel", "must be one of the channels");
  }
  if (!Offers(*procedure, channel)) return ChannelNotOffered(*procedure);
  Dossier accepted = dossier;
  accepted.set_channel(channel);
  *accepted.mutable_accept_time() = ToTimestamp(situation.now);
  *accepted.mutable_start_time() = accepted.accept_time();
  accepted.set_fee_agency(accepted.settling_agency());
  ASSIGN_OR_RETURN(*accepted.mutable_due(), DecideDue(situation, *procedure, request, accepted));
  if ((situation.actors & kProcessing) != 0) {
    *accepted.mutable_receive_time() = accepted.accept_time();
  } else if (situation.catalogue.PoliciesOf(*procedure).clock_starts_at_receipt) {
    accepted.mutable_due()->set_suspended(true);
  }
  Advance(next, accepted);
  dossier.Swap(&accepted);
  return absl::OkStatus();
}

absl::Status DecideComplete(const Situation& situation, Dossier& dossier) {
  ASSIGN_OR_RETURN(const Dossier::State next,
                   Next(dossier.state(), Command::kComplete, situation.actors));
  const ProcedurePolicies policies = situation.catalogue.PoliciesOf(dossier);
  if (policies.signature_required && !dossier.has_sign_time()) return SignatureNeeded();
  *dossier.mutable_complete_time() = ToTimestamp(situation.now);
  Advance(next, dossier);
  return absl::OkStatus();
}

absl::Status DecideReturn(const Situation& situation, Dossier& dossier) {
  ASSIGN_OR_RETURN(const Dossier::State next,
                   Next(dossier.state(), Command::kReturn, situation.actors));
  *dossier.mutable_return_time() = ToTimestamp(situation.now);
  Advance(next, dossier);
  return absl::OkStatus();
}

absl::Status DecideReject(const Situation& situation, const RejectDossierRequest& request,
                          Dossier& dossier) {
  ASSIGN_OR_RETURN(const Dossier::State next,
                   Next(dossier.state(), Command::kReject, situation.actors));
  ASSIGN_OR_RETURN(const std::string reason,
                   CleanText("reason", request.reason(), 1, kMaxReasonCharacters));
  dossier.set_reject_reason(reason);
  *dossier.mutable_reject_time() = ToTimestamp(situation.now);
  Advance(next, dossier);
  return absl::OkStatus();
}

bool Concerns(const Catalogue& catalogue, const Caller& caller, const Dossier& dossier,
              absl::Time now) {
  const std::vector<std::string> agencies = AgenciesOf(dossier);
  return std::any_of(agencies.begin(), agencies.end(), [&](const std::string& agency) {
    return auth::ActsFor(caller, agency) ||
           auth::ActsFor(caller, catalogue.ActingAgency(agency, VietnamDay(now)));
  });
}

}  // namespace lgsp::dossiers
