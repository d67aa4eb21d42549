#include "services/dossiers/results/result_signing.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/clock/timestamp.h"
#include "libs/keys/cms.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/part_names.h"
#include "services/dossiers/results/result_errors.h"
#include "services/dossiers/results/result_events.h"
#include "services/dossiers/results/result_store.h"
#include "services/dossiers/results/results.h"
#include "services/dossiers/results/verification_code.h"
#include "services/dossiers/routing.h"
#include "services/dossiers/settlement.h"

namespace lgsp::dossiers {
namespace {

using lgsp::national::v1::SignDigestRequest;

lgsp::dossiers::v1::Signer ToSigner(const keys::CmsSigner& signer) {
  lgsp::dossiers::v1::Signer to;
  to.set_common_name(signer.common_name);
  to.set_organization(signer.organization);
  to.set_serial(signer.serial);
  to.set_issuer(signer.issuer);
  to.set_certificate_sha256(keys::Hex(signer.certificate_sha256));
  *to.mutable_signing_time() = ToTimestamp(signer.signing_time);
  return to;
}

absl::Status SignatureOverdue() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SIGNATURE_OVERDUE",
                   "the signature was not given in time");
}

}  // namespace

durable::CallWorker::Options ResultSigningOptions() {
  return {
      .kind = kResultSignatureKind,
      .final_reasons = {"SIGNATURE_REFUSED", "SIGNER_UNKNOWN", "REFERENCE_REUSED",
                        "SIGNING_FIELD_INVALID", "SIGNATURE_OVERDUE", "SIGNER_WRONG", "CMS_INVALID",
                        "CMS_SIGNER_WRONG", "CMS_SIGNATURE_WRONG", "CMS_DIGEST_WRONG",
                        "CMS_TIME_WRONG", "CMS_CHAIN_UNTRUSTED", "CMS_CERTIFICATE_EXPIRED",
                        "CMS_KEY_USAGE_WRONG", "CMS_CERTIFICATE_REVOKED"},
      .pending_reasons = {"SIGNATURE_PENDING"},
      .threads = kSigningThreads,
      .attempt_timeout = kSigningTimeout};
}

absl::Status OrderSignature(sql::Transaction& tx, const Result& result, const LoadedDossier& loaded,
                            const Clock& clock) {
  Result order;
  order.set_name(result.name());
  order.set_agency(result.agency());
  order.set_officer(result.officer());
  order.set_sha256(result.sha256());
  // Signing systems live by the machine's time.
  *order.mutable_order_time() = ToTimestamp(clock.SecurityNow());
  ASSIGN_OR_RETURN(const std::vector<Result> results,
                   LoadResults(tx, loaded.dossier.name(), loaded.key));
  durable::Call call;
  call.id = NewUuid(clock);
  call.subject = loaded.dossier.name();
  call.sequence = static_cast<int64_t>(results.size());
  call.request = order.SerializeAsString();
  return durable::AddCall(tx, kResultSignatureKind, call, loaded.key, clock);
}

absl::StatusOr<std::string> ResultSigning::Perform(const durable::Call& call, absl::Time deadline) {
  Result order;
  if (!order.ParseFromString(call.request)) {
    return MakeError(absl::StatusCode::kDataLoss, "CALL_UNREADABLE", "the stored call is damaged");
  }
  const Clock& clock = *commands_.parts().clock;
  SignDigestRequest request;
  request.set_reference(order.name());
  request.set_agency(order.agency());
  request.set_officer(order.officer());
  request.set_digest(absl::HexStringToBytes(order.sha256()));
  auto cms = ask_(request, call.subject, deadline);
  const bool overdue = clock.SecurityNow() - ToTime(order.order_time()) > kLongestSigning;
  if (ErrorReason(cms.status()) == "SIGNATURE_PENDING" && overdue) return SignatureOverdue();
  RETURN_IF_ERROR(cms.status());
  ASSIGN_OR_RETURN(const keys::CmsTrust trust, trust_.Get(deadline));
  ASSIGN_OR_RETURN(
      const keys::CmsSigner signer,
      keys::VerifyCms(*cms, {request.digest(), ToTime(order.order_time()), clock.SecurityNow()},
                      trust));
  if (signer.organization_identifier != order.agency() || signer.user_id != order.officer()) {
    return SignerWrong();
  }
  Result signed_result;
  *signed_result.mutable_signer() = ToSigner(signer);
  signed_result.set_signature(*std::move(cms));
  return signed_result.SerializeAsString();
}

absl::Status ResultSigning::SignDossier(sql::Transaction& tx, const Result& result, absl::Time now,
                                        LoadedDossier& loaded) const {
  // Who ordered the signature signs the dossier: the head, as was checked then.
  lgsp::auth::v1::Caller caller;
  caller.set_system(result.system());
  caller.mutable_officer()->set_id(result.ordered_by());
  caller.mutable_officer()->set_unit(result.agency());
  const PartCommands::Parts& parts = commands_.parts();
  RETURN_IF_ERROR(DecideSign({*parts.catalogue, kHead, now, &caller}, loaded.dossier));
  return parts.changes->Save(tx, Command::kSign, caller, "", now, loaded);
}

absl::Status ResultSigning::EndReplaced(sql::Transaction& tx, const Result& by, absl::Time now,
                                        const LoadedDossier& loaded) const {
  ASSIGN_OR_RETURN(Result replaced, LoadResult(tx, by.replaces(), loaded.key));
  DecideReplaced(by, now, replaced);
  RETURN_IF_ERROR(UpdateResult(tx, replaced, loaded.key));
  return TellOfResult(tx, *commands_.parts().changes, replaced, "", now, loaded);
}

absl::Status ResultSigning::Record(sql::Transaction& tx, const durable::Call& call,
                                   const durable::Outcome& outcome) const {
  if (!outcome.final) return absl::OkStatus();
  // Of an erased dossier nothing can be read any more, nor is.
  if (ErrorReason(outcome.status) == "DATA_KEY_ERASED") return absl::OkStatus();
  const PartCommands::Parts& parts = commands_.parts();
  const absl::Time now = parts.clock->CivilNow();
  ASSIGN_OR_RETURN(LoadedDossier loaded, parts.changes->store().Load(tx, IdOf(call.subject)));
  Result order, answer;
  if (!order.ParseFromString(call.request) || !answer.ParseFromString(outcome.answer)) {
    return MakeError(absl::StatusCode::kDataLoss, "CALL_UNREADABLE", "the stored call is damaged");
  }
  ASSIGN_OR_RETURN(Result result, LoadResult(tx, order.name(), loaded.key));
  const int64_t revision = loaded.dossier.revision();
  Succeed(*parts.catalogue, now, loaded.dossier);
  DecideSignature({outcome.status, answer.signer(), answer.signature()},
                  MakeVerificationCode(keys::RandomBytes(kVerificationCodeLength)), loaded.dossier,
                  now, result);
  RETURN_IF_ERROR(UpdateResult(tx, result, loaded.key));
  RETURN_IF_ERROR(TellOfResult(tx, *parts.changes, result, "", now, loaded));
  const bool stands = result.state() == Result::SIGNED;
  if (stands && !result.replaces().empty()) {
    RETURN_IF_ERROR(EndReplaced(tx, result, now, loaded));
  }
  if (stands && loaded.dossier.state() == Dossier::IN_PROGRESS) {
    return SignDossier(tx, result, now, loaded);
  }
  // So that what was decided by its state holds.
  return HoldDossier(tx, loaded.dossier.name(), revision);
}

std::unique_ptr<durable::CallWorker> MakeSigningWorker(ResultSigning* signing,
                                                       const PartCommands::Parts& parts,
                                                       metrics::Registry* metrics) {
  return std::make_unique<durable::CallWorker>(
      parts.db, parts.subject_keys, parts.clock, metrics, ResultSigningOptions(),
      [signing](const durable::Call& call, absl::Time deadline) {
        return signing->Perform(call, deadline);
      },
      [signing](sql::Transaction& tx, const durable::Call& call, const durable::Outcome& outcome) {
        return signing->Record(tx, call, outcome);
      });
}

}  // namespace lgsp::dossiers
