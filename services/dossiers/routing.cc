#include "services/dossiers/routing.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/due_decision.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::ForeignCode;
using lgsp::dossiers::v1::ForwardDossierRequest;
using lgsp::dossiers::v1::Hop;
using lgsp::dossiers::v1::SendBackDossierRequest;
using lgsp::dossiers::v1::SubmitDossierRequest;

absl::Status CheckActs(const Agency& agency, absl::Time now) {
  return agency.ActsOn(VietnamDay(now)) ? absl::OkStatus()
                                        : AgencyClosed(agency.code, agency.successor);
}

absl::StatusOr<const Agency*> FindActing(const Catalogue& catalogue, absl::string_view field,
                                         absl::string_view code, absl::Time now) {
  const Agency* agency = catalogue.FindAgency(code);
  if (agency == nullptr) return AgencyUnknown(field, code);
  RETURN_IF_ERROR(CheckActs(*agency, now));
  return agency;
}

// An agency of another province: `M X1 X2` and groups (Decision 20/2020 art. 4), under another root
// than ours.
bool IsOfAnotherProvince(const Catalogue& catalogue, absl::string_view code) {
  const auto root = [](absl::string_view whole) { return whole.substr(0, whole.find('.')); };
  const absl::string_view first = root(code);
  const bool well_formed = code.size() <= kMaxIssuerLength && first.size() == 3 &&
                           absl::ascii_isupper(first[0]) && absl::ascii_isdigit(first[1]) &&
                           absl::ascii_isdigit(first[2]) &&
                           std::all_of(code.begin(), code.end(), [](char c) {
                             return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '.';
                           });
  return well_formed && first != root(catalogue.centre().code);
}

absl::StatusOr<std::string> FindIntake(const Catalogue& catalogue, const Caller& caller,
                                       const SubmitDossierRequest& request, absl::Time now) {
  std::string code = request.intake_agency();
  if (code.empty()) code = caller.officer().unit();
  if (code.empty() && caller.agencies_size() == 1 && !absl::EndsWith(caller.agencies(0), "*")) {
    code = caller.agencies(0);
  }
  if (code.empty()) return IntakeAgencyNeeded();
  if (!IsOfAnotherProvince(catalogue, code)) {
    RETURN_IF_ERROR(FindActing(catalogue, "intake_agency", code, now).status());
  }
  if (!auth::ActsFor(caller, code)) return AgencyNotRepresented(code);
  return code;
}

// Where people may come: to every commune, the service centre, and the agency that settles.
bool IsCounter(const Catalogue& catalogue, absl::string_view code, absl::string_view settling) {
  const Agency* agency = catalogue.FindAgency(code);
  return agency != nullptr && (agency->kind == Agency::Kind::kCommune ||
                               agency->kind == Agency::Kind::kServiceCentre || code == settling);
}

// The agency that settles; empty where that is still to be found out.
absl::StatusOr<std::string> FindSettling(const Catalogue& catalogue, const Procedure& procedure,
                                         const SubmitDossierRequest& request,
                                         const std::string& intake, absl::Time now) {
  const std::string& named = request.settling_agency();
  if (!named.empty()) {
    RETURN_IF_ERROR(FindActing(catalogue, "settling_agency", named, now).status());
  }
  std::vector<std::string> competent =
      catalogue.competences().Of(procedure, request.place(), catalogue.agencies());
  // Without a place a commune settles what it, or another for it, takes in.
  if (competent.empty()) {
    const std::string& commune = named.empty() ? intake : named;
    const Agency* agency = catalogue.FindAgency(commune);
    if (agency != nullptr && agency->kind == Agency::Kind::kCommune) return commune;
    return named.empty() ? absl::StatusOr<std::string>("") : SettlingAgencyWrong("a commune");
  }
  for (std::string& code : competent) code = catalogue.ActingAgency(code, VietnamDay(now));
  // Two that were merged are one.
  std::sort(competent.begin(), competent.end());
  competent.erase(std::unique(competent.begin(), competent.end()), competent.end());
  if (named.empty()) return competent.size() == 1 ? competent.front() : "";
  if (std::find(competent.begin(), competent.end(), named) == competent.end()) {
    return SettlingAgencyWrong(absl::StrJoin(competent, " or "));
  }
  return named;
}

absl::Status CheckIntake(const Catalogue& catalogue, const Procedure& procedure,
                         const std::string& intake, const std::string& settling) {
  const ProcedurePolicies policies = catalogue.PoliciesOf(procedure);
  if (policies.immediate_result && intake != settling) return SettledAtOnce(settling);
  if (IsCounter(catalogue, intake, settling)) return absl::OkStatus();
  if (policies.nationwide_intake && IsOfAnotherProvince(catalogue, intake)) return absl::OkStatus();
  return IntakeNotOffered("intake_agency", intake);
}

template <typename Fits>
bool IsPlain(absl::string_view text, size_t max, Fits fits) {
  return !text.empty() && text.size() <= max && std::all_of(text.begin(), text.end(), fits);
}

absl::Status AddForeignCodes(const SubmitDossierRequest& request, Dossier& dossier) {
  if (request.foreign_codes_size() > kMaxForeignCodes) {
    return ForeignCodeInvalid(absl::StrCat("must be at most ", kMaxForeignCodes));
  }
  for (const ForeignCode& given : request.foreign_codes()) {
    const auto in_issuer = [](char c) { return absl::ascii_isalnum(c) || c == '.'; };
    const auto in_code = [](char c) { return absl::ascii_isgraph(c); };
    if (!IsPlain(given.issuer(), kMaxIssuerLength, in_issuer) ||
        !IsPlain(given.code(), kMaxForeignCodeLength, in_code)) {
      return ForeignCodeInvalid(
          "issuer must be 1 to 35 letters, digits and dots, code 1 to 64 "
          "visible ASCII characters");
    }
    for (const ForeignCode& before : dossier.foreign_codes()) {
      if (before.issuer() == given.issuer()) return ForeignCodeInvalid("an issuer occurs twice");
    }
    ForeignCode& code = *dossier.add_foreign_codes();
    code.set_issuer(given.issuer());
    code.set_code(given.code());
  }
  return absl::OkStatus();
}

Hop& AddHop(const Situation& situation, Hop::Kind kind, const std::string& to, std::string reason,
            Dossier& dossier) {
  Hop& hop = *dossier.add_hops();
  hop.set_kind(kind);
  hop.set_from_agency(dossier.settling_agency());
  hop.set_to_agency(to);
  *hop.mutable_time() = ToTimestamp(situation.now);
  hop.set_reason(std::move(reason));
  return hop;
}

// The file is on its way to `to`; once accepted it has to be received there.
void Leave(const Situation& situation, const std::string& to, Dossier& dossier) {
  dossier.set_settling_agency(to);
  dossier.clear_assigned_officer();
  if (!dossier.has_accept_time()) return;
  dossier.clear_receive_time();
  if (situation.catalogue.PoliciesOf(dossier).clock_starts_at_receipt) {
    dossier.mutable_due()->set_suspended(true);
  }
}

bool CanSettle(const Procedure& procedure, const Agency& agency) {
  if (procedure.level() == Procedure::COMMUNE) return agency.kind == Agency::Kind::kCommune;
  return agency.kind == Agency::Kind::kDepartment || agency.kind == Agency::Kind::kCentralBranch;
}

// Hops tell of agencies as they were then: who stands for one of them now.
std::string ActingFor(const Situation& situation, const std::string& code) {
  return situation.catalogue.ActingAgency(code, VietnamDay(situation.now));
}

// True when the agency that has the file now, or one that it succeeded, had received it before: its
// clock has begun already.
bool HadItBefore(const Situation& situation, const Dossier& dossier) {
  return std::any_of(dossier.hops().begin(), dossier.hops().end(), [&](const Hop& hop) {
    return ActingFor(situation, hop.from_agency()) == dossier.settling_agency() && hop.received();
  });
}

}  // namespace

absl::Status RouteSubmission(const Catalogue& catalogue, const Caller& caller,
                             const SubmitDossierRequest& request, const Procedure& procedure,
                             absl::Time now, Dossier& dossier) {
  if (!request.place().empty() && FindCommuneOf(catalogue.agencies(), request.place()) == nullptr) {
    return PlaceUnknown(request.place());
  }
  dossier.set_place(request.place());
  ASSIGN_OR_RETURN(const std::string intake, FindIntake(catalogue, caller, request, now));
  ASSIGN_OR_RETURN(std::string settling, FindSettling(catalogue, procedure, request, intake, now));
  RETURN_IF_ERROR(CheckIntake(catalogue, procedure, intake, settling));
  const std::string& back = request.return_agency().empty() ? intake : request.return_agency();
  if (back != intake) {
    RETURN_IF_ERROR(FindActing(catalogue, "return_agency", back, now).status());
    if (!IsCounter(catalogue, back, settling)) return IntakeNotOffered("return_agency", back);
  }
  dossier.set_undetermined(settling.empty());
  dossier.set_intake_agency(intake);
  dossier.set_return_agency(back);
  dossier.set_settling_agency(settling.empty() ? catalogue.centre().code : settling);
  return AddForeignCodes(request, dossier);
}

absl::Status DecideTransfer(const Situation& situation, Dossier& dossier) {
  return Apply(situation, Command::kTransfer, dossier, [&](Dossier& d) -> absl::Status {
    return d.has_receive_time() ? FileReceivedAlready() : absl::OkStatus();
  });
}

absl::Status DecideReceive(const Situation& situation, Dossier& dossier) {
  return Apply(situation, Command::kReceive, dossier, [&](Dossier& d) -> absl::Status {
    if (d.undetermined()) return CompetenceUndetermined();
    *d.mutable_receive_time() = ToTimestamp(situation.now);
    if (!situation.catalogue.PoliciesOf(d).clock_starts_at_receipt) return absl::OkStatus();
    // What goes to and fro between agencies is their time, not the applicant's.
    return HadItBefore(situation, d) ? ResumeClock(situation, d) : RestartClock(situation, d);
  });
}

absl::Status DecideForward(const Situation& situation, const ForwardDossierRequest& request,
                           Dossier& dossier) {
  return Apply(situation, Command::kForward, dossier, [&](Dossier& d) -> absl::Status {
    // The intake has it until the settling agency does.
    if (d.has_receive_time() && (situation.actors & kProcessing) == 0) return FileReceivedAlready();
    const Catalogue& catalogue = situation.catalogue;
    ASSIGN_OR_RETURN(const Agency* to,
                     FindActing(catalogue, "to_agency", request.to_agency(), situation.now));
    const Procedure* procedure = catalogue.ProcedureOf(d);
    if (procedure == nullptr) return ProcedureUnknown(d.procedure());
    if (to->code == d.settling_agency()) return ForwardWrong("has the dossier already");
    const bool to_centre = to->code == catalogue.centre().code;
    if (!to_centre && !CanSettle(*procedure, *to)) {
      return ForwardWrong("does not settle procedures of this level");
    }
    if (d.hops_size() >= kMaxHops) return HopsExhausted();
    ASSIGN_OR_RETURN(std::string reason,
                     CleanText("reason", request.reason(), 1, kMaxReasonCharacters));
    AddHop(situation, Hop::FORWARDED, to->code, std::move(reason), d)
        .set_received(d.has_receive_time());
    d.set_undetermined(to_centre && procedure->sector_agency() != to->code);
    Leave(situation, to->code, d);
    return absl::OkStatus();
  });
}

absl::Status DecideSendBack(const Situation& situation, const SendBackDossierRequest& request,
                            Dossier& dossier) {
  return Apply(situation, Command::kSendBack, dossier, [&](Dossier& d) -> absl::Status {
    const auto last = std::find_if(d.hops().rbegin(), d.hops().rend(), [&](const Hop& hop) {
      return hop.kind() == Hop::FORWARDED &&
             ActingFor(situation, hop.to_agency()) == d.settling_agency();
    });
    const bool forwarded = last != d.hops().rend();
    const std::string to =
        forwarded ? ActingFor(situation, last->from_agency()) : d.intake_agency();
    if (to == d.settling_agency()) return SettledWhereAccepted();
    if (d.hops_size() >= kMaxHops) return HopsExhausted();
    ASSIGN_OR_RETURN(std::string reason,
                     CleanText("reason", request.reason(), 1, kMaxReasonCharacters));
    AddHop(situation, Hop::SENT_BACK, to, std::move(reason), d).set_received(d.has_receive_time());
    // The intake sends it again, the agency that forwarded it has to settle it or forward it
    // better.
    const std::string settling = forwarded ? to : d.settling_agency();
    d.set_undetermined(settling == situation.catalogue.centre().code);
    Leave(situation, settling, d);
    return absl::OkStatus();
  });
}

void Succeed(const Catalogue& catalogue, absl::Time now, Dossier& dossier) {
  const auto acting = [&](const std::string& code) {
    return catalogue.ActingAgency(code, VietnamDay(now));
  };
  dossier.set_intake_agency(acting(dossier.intake_agency()));
  dossier.set_return_agency(acting(dossier.return_agency()));
  for (auto& consultation : *dossier.mutable_consultations()) {
    consultation.set_agency(acting(consultation.agency()));
  }
  const std::string settling = acting(dossier.settling_agency());
  if (settling == dossier.settling_agency()) return;
  Hop& hop = *dossier.add_hops();
  hop.set_kind(Hop::SUCCEEDED);
  hop.set_from_agency(dossier.settling_agency());
  hop.set_to_agency(settling);
  *hop.mutable_time() = ToTimestamp(now);
  dossier.set_settling_agency(settling);
  dossier.clear_assigned_officer();
}

}  // namespace lgsp::dossiers
