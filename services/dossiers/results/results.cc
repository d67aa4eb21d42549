#include "services/dossiers/results/results.h"

#include <algorithm>

#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_errors.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/results/result_errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Document;
using lgsp::dossiers::v1::Scan;
using lgsp::dossiers::v1::SignResultRequest;

constexpr char kSignResult[] = "sign-result";
constexpr char kRevokeResult[] = "revoke-result";

absl::Status CheckHead(const Situation& situation, absl::string_view command) {
  return (situation.actors & kHead) != 0
             ? absl::OkStatus()
             : CommandNotYours(command, "the head of the settling agency");
}

// A decision is there.
bool HasDecision(Dossier::State state) {
  return state == Dossier::SIGNED || state == Dossier::COMPLETED || state == Dossier::RETURNED;
}

bool IsBeingDecided(Dossier::State state) {
  return state == Dossier::ACCEPTED || state == Dossier::IN_PROGRESS || state == Dossier::SIGNED;
}

const Result* Find(const std::vector<Result>& results, absl::string_view name) {
  const auto found = std::find_if(results.begin(), results.end(),
                                  [&](const Result& result) { return result.name() == name; });
  return found == results.end() ? nullptr : &*found;
}

bool ReplacementUnderWay(const std::vector<Result>& results, absl::string_view name) {
  return std::any_of(results.begin(), results.end(), [&](const Result& result) {
    return IsUnderWay(result) && result.replaces() == name;
  });
}

absl::Status CheckReplaces(const ResultCase& before, const SignResultRequest& request) {
  const bool kind = Result::Replacement_IsValid(request.replacement()) &&
                    request.replacement() != Result::REPLACEMENT_UNSPECIFIED;
  if (request.replaces().empty()) {
    return kind || !request.reason().empty()
               ? ReplacementInvalid("kind and reason are for a result that replaces another")
               : absl::OkStatus();
  }
  if (!kind) return ReplacementInvalid("must be CORRECTION or SUBSTITUTE");
  const Result* replaced = Find(before.results, request.replaces());
  if (replaced == nullptr) return ResultNotFound();
  if (replaced->state() != Result::SIGNED) {
    return ResultNotValid(Result::State_Name(replaced->state()));
  }
  return ReplacementUnderWay(before.results, request.replaces()) ? ResultUnderWay()
                                                                 : absl::OkStatus();
}

absl::Status CheckDocument(const ResultCase& before, const Document& document) {
  if (document.origin() != Document::RESULT) return ResultDocumentInvalid();
  if (document.scan().state() == Scan::INFECTED) return DocumentInfected();
  const bool used =
      std::any_of(before.results.begin(), before.results.end(), [&](const Result& result) {
        return result.document() == document.name() && result.state() != Result::REFUSED &&
               result.state() != Result::FAILED;
      });
  return used ? ResultUnderWay() : absl::OkStatus();
}

void SetWho(const Situation& situation, const Dossier& dossier, bool seal, Result& result) {
  result.set_agency(dossier.settling_agency());
  if (!seal) result.set_officer(situation.caller->officer().id());
  result.set_system(situation.caller->system());
  result.set_ordered_by(situation.caller->officer().id());
}

void End(Result::State state, absl::Time now, Result& result) {
  result.set_state(state);
  *result.mutable_end_time() = ToTimestamp(now);
}

}  // namespace

bool IsUnderWay(const Result& result) { return result.state() == Result::SIGNING; }

absl::StatusOr<Result> DecideSignResult(const Situation& situation, const ResultCase& before,
                                        const SignResultRequest& request,
                                        const Document& document) {
  const Dossier& dossier = before.dossier;
  RETURN_IF_ERROR(CheckHead(situation, kSignResult));
  const bool possible =
      request.replaces().empty() ? IsBeingDecided(dossier.state()) : HasDecision(dossier.state());
  if (!possible) return StateForbidsCommand(Dossier::State_Name(dossier.state()), kSignResult, "");
  if (before.results.size() >= kMaxResults) return ResultsExhausted();
  RETURN_IF_ERROR(CheckReplaces(before, request));
  RETURN_IF_ERROR(CheckDocument(before, document));
  Result result;
  result.set_revision(1);
  result.set_state(Result::SIGNING);
  result.set_document(document.name());
  result.set_sha256(document.sha256());
  ASSIGN_OR_RETURN(*result.mutable_title(),
                   CleanText("title", request.title(), 1, kMaxTitleCharacters));
  ASSIGN_OR_RETURN(*result.mutable_number(),
                   CleanText("number", request.number(), 0, kMaxResultNumberCharacters));
  if (!request.replaces().empty()) {
    result.set_replaces(request.replaces());
    result.set_replacement(request.replacement());
    ASSIGN_OR_RETURN(*result.mutable_reason(),
                     CleanText("reason", request.reason(), 1, kMaxResultReasonCharacters));
  }
  SetWho(situation, dossier, request.seal(), result);
  *result.mutable_order_time() = ToTimestamp(situation.now);
  return result;
}

absl::Status DecideRevokeResult(const Situation& situation, const ResultCase& before,
                                const lgsp::dossiers::v1::RevokeResultRequest& request,
                                Result& result) {
  RETURN_IF_ERROR(CheckHead(situation, kRevokeResult));
  if (result.state() != Result::SIGNED) return ResultNotValid(Result::State_Name(result.state()));
  if (ReplacementUnderWay(before.results, result.name())) return ResultUnderWay();
  ASSIGN_OR_RETURN(*result.mutable_revocation_reason(),
                   CleanText("reason", request.reason(), 1, kMaxResultReasonCharacters));
  result.set_revision(result.revision() + 1);
  result.set_revocation(Result::DECISION);
  End(Result::REVOKED, situation.now, result);
  return absl::OkStatus();
}

void DecideSignature(const SignatureOutcome& outcome, absl::string_view code,
                     const Dossier& dossier, absl::Time now, Result& result) {
  result.set_revision(result.revision() + 1);
  *result.mutable_answer_time() = ToTimestamp(now);
  if (!outcome.status.ok()) {
    const std::string reason(ErrorReason(outcome.status));
    const bool refused = reason == "SIGNATURE_REFUSED";
    result.set_state(refused ? Result::REFUSED : Result::FAILED);
    if (!refused) result.set_failure(reason);
    return;
  }
  *result.mutable_signer() = outcome.signer;
  result.set_signature(outcome.signature);
  result.set_verification_code(std::string(code));
  const bool ended = EndsResults(dossier.state());
  if (!ended && result.agency() == dossier.settling_agency()) {
    result.set_state(Result::SIGNED);
    return;
  }
  result.set_revocation(ended ? Result::DOSSIER_ENDED : Result::AGENCY_CHANGED);
  End(Result::REVOKED, now, result);
}

bool EndsResults(Dossier::State state) { return IsFinal(state) && state != Dossier::RETURNED; }

void DecideDossierEnded(absl::Time now, Result& result) {
  result.set_revision(result.revision() + 1);
  result.set_revocation(Result::DOSSIER_ENDED);
  End(Result::REVOKED, now, result);
}

void DecideReplaced(const Result& by, absl::Time now, Result& result) {
  result.set_revision(result.revision() + 1);
  result.set_replaced_by(by.name());
  End(by.replacement() == Result::CORRECTION ? Result::CORRECTED : Result::REPLACED, now, result);
}

}  // namespace lgsp::dossiers
