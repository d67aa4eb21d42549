#include "services/dossiers/portal/portal_sync.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/lifecycle.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/portal/portal_report_errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::ForeignCode;
using lgsp::dossiers::v1::PortalSync;
using lgsp::dossiers::v1::Transition;
using lgsp::dossiers::v1::Wait;
using lgsp::national::v1::ProgressRow;
using lgsp::national::v1::SyncDossierRequest;

constexpr char kPortalIssuer[] = "portal";

// What each step is called at the portal (NoiDungXuLy).
absl::string_view StepText(Dossier::State state) {
  switch (state) {
    case Dossier::SUBMITTED:
      return "Mới đăng ký";
    case Dossier::ACCEPTED:
      return "Được tiếp nhận";
    case Dossier::REJECTED:
      return "Không được tiếp nhận";
    case Dossier::TRANSFERRED:
      return "Đã chuyển cơ quan giải quyết";
    case Dossier::IN_PROGRESS:
      return "Đang xử lý";
    case Dossier::WAITING_AGENCY:
      return "Chờ cơ quan phối hợp trả lời";
    case Dossier::SIGNED:
      return "Đã ký kết quả";
    case Dossier::SUPPLEMENT_ASKED_AT_INTAKE:
    case Dossier::SUPPLEMENT_ASKED:
      return "Yêu cầu bổ sung giấy tờ";
    case Dossier::WAITING_PAYMENT:
      return "Yêu cầu thực hiện nghĩa vụ tài chính";
    case Dossier::WITHDRAWN:
      return "Công dân yêu cầu rút hồ sơ";
    case Dossier::STOPPED:
    case Dossier::EXPIRED:
      return "Dừng xử lý";
    case Dossier::COMPLETED:
      return "Đã xử lý xong";
    case Dossier::RETURNED:
      return "Đã trả kết quả";
    default:
      return "";
  }
}

SyncDossierRequest::SubmissionChannel ToPortal(Dossier::Channel channel) {
  switch (channel) {
    case Dossier::DIRECT:
      return SyncDossierRequest::COUNTER;
    case Dossier::ONLINE:
      return SyncDossierRequest::ONLINE;
    case Dossier::POSTAL:
      return SyncDossierRequest::POST;
    default:
      return SyncDossierRequest::SUBMISSION_CHANNEL_UNSPECIFIED;
  }
}

std::string AgencyName(const Catalogue& catalogue, const std::string& code) {
  const Agency* agency = catalogue.FindAgency(code);
  return agency == nullptr ? code : agency->name;
}

// Why it stands as it does, for the applicant to read; national cuts it to what the portal takes.
std::string RemarkOf(const Dossier& dossier) {
  if (!dossier.reject_reason().empty()) return dossier.reject_reason();
  if (!dossier.close_reason().empty()) return dossier.close_reason();
  if (const Wait* wait = OpenWait(dossier); wait != nullptr && wait->kind() == DayRun::SUPPLEMENT) {
    return absl::StrCat(
        "Bổ sung trước ",
        absl::FormatTime("%H:%M ngày %d/%m/%Y", ToTime(wait->answer_deadline()), VietnamZone()),
        ": ", absl::StrJoin(dossier.supplements().rbegin()->items(), "; "));
  }
  return dossier.reappointment().reason();
}

// What the portal calls a dossier that was filed there; empty: filed here.
std::string PortalsNumber(const Dossier& dossier) {
  for (const ForeignCode& code : dossier.foreign_codes()) {
    if (code.issuer() == kPortalIssuer) return code.code();
  }
  return "";
}

void SetTimes(const Dossier& dossier, SyncDossierRequest& request) {
  *request.mutable_submit_time() = dossier.submit_time();
  if (dossier.has_accept_time()) *request.mutable_accept_time() = dossier.accept_time();
  if (dossier.has_due()) {
    // The later one: the due date may have moved beyond the apology's date since.
    const bool apology = dossier.has_reappointment() &&
                         dossier.due().due_time() < dossier.reappointment().due_time();
    *request.mutable_due_time() =
        apology ? dossier.reappointment().due_time() : dossier.due().due_time();
  }
  if (dossier.has_complete_time()) *request.mutable_complete_time() = dossier.complete_time();
  if (dossier.has_return_time()) *request.mutable_return_time() = dossier.return_time();
  if (dossier.has_reject_time()) *request.mutable_reject_time() = dossier.reject_time();
}

// Filed here, it is known there from acceptance or refusal on; filed there, from the beginning.
bool IsToldToPortal(const Dossier& dossier) {
  return dossier.has_accept_time() || dossier.state() == Dossier::REJECTED ||
         !PortalsNumber(dossier).empty();
}

// What the portal is to be told of the present state.
absl::StatusOr<durable::Call> CallOf(sql::Transaction& tx, const Catalogue& catalogue,
                                     const DossierStore& store, const Dossier& dossier,
                                     const Clock& clock) {
  ASSIGN_OR_RETURN(const std::vector<Transition> transitions,
                   store.Transitions(tx, dossier.name()));
  durable::Call call;
  call.id = NewUuid(clock);
  call.subject = dossier.name();
  call.sequence = dossier.revision();
  call.request = ToPortal(catalogue, dossier, transitions).SerializeAsString();
  return call;
}

absl::Status SetPending(sql::Transaction& tx, const Dossier& dossier, absl::Time now) {
  return tx
      .Execute(
          "INSERT INTO portal_syncs (dossier, state, wanted_revision, synced_revision, sync_time, "
          "attempts, last_error_reason, submit_time, unsynced_time) VALUES (:dossier, :pending, "
          ":revision, 0, 0, 0, '', :submit_time, :now) "
          "ON CONFLICT (dossier) DO UPDATE SET state = :pending, wanted_revision = :revision, "
          "attempts = 0, last_error_reason = '', unsynced_time = CASE WHEN portal_syncs.state = "
          ":synced THEN :now ELSE portal_syncs.unsynced_time END",
          {{"dossier", dossier.name()},
           {"pending", static_cast<int>(PortalSync::PENDING)},
           {"revision", dossier.revision()},
           {"submit_time", ToTime(dossier.submit_time())},
           {"synced", static_cast<int>(PortalSync::SYNCED)},
           {"now", now}})
      .status();
}

}  // namespace

durable::CallWorker::Options PortalSyncOptions() {
  return {.kind = kPortalSyncKind,
          .final_reasons = {"PORTAL_FIELD_INVALID", "PORTAL_NUMBER_UNKNOWN",
                            "PORTAL_NUMBER_OF_ANOTHER"},
          .threads = kPortalSyncThreads,
          .attempt_timeout = kPortalSyncTimeout};
}

SyncDossierRequest ToPortal(const Catalogue& catalogue, const Dossier& dossier,
                            const std::vector<Transition>& transitions) {
  SyncDossierRequest request;
  const std::string ours = dossier.code().empty() ? IdOf(dossier.name()) : dossier.code();
  const std::string theirs = PortalsNumber(dossier);
  request.set_number(theirs.empty() ? ours : theirs);
  if (!theirs.empty()) request.set_own_number(ours);
  request.set_procedure_code(dossier.procedure());
  if (const Procedure* procedure = catalogue.ProcedureOf(dossier); procedure != nullptr) {
    request.set_procedure_name(procedure->display_name());
    request.set_field_name(procedure->field());
  }
  request.set_channel(ToPortal(dossier.channel()));
  request.set_applicant_name(dossier.applicant().full_name());
  request.set_applicant_id_number(dossier.applicant().id_number());
  request.set_applicant_old_id_number(dossier.applicant().old_id_number());
  // The kinds have the portal's own numbers.
  request.set_applicant_kind(
      static_cast<SyncDossierRequest::ApplicantKind>(dossier.applicant().kind()));
  request.set_phone(dossier.applicant().phone());
  request.set_email(dossier.applicant().email());
  request.set_subject(dossier.subject().empty() ? request.procedure_name() : dossier.subject());
  SetTimes(dossier, request);
  request.set_settling_agency(dossier.settling_agency());
  request.set_settling_agency_name(AgencyName(catalogue, dossier.settling_agency()));
  request.set_intake_agency(dossier.intake_agency());
  request.set_portal_status(PortalStatus(dossier.state()));
  request.set_remark(RemarkOf(dossier));
  // The portal knows a row by status and second, and steps of one second may share a status.
  int64_t last_second = 0;
  for (const Transition& transition : transitions) {
    // Which officer has it is the agency's own affair, a draft the applicant's.
    const bool told = transition.command() != CommandName(Command::kAssign) &&
                      transition.state() != Dossier::DRAFT;
    if (!told) continue;
    ProgressRow* row = request.add_progress();
    row->set_portal_status(PortalStatus(transition.state()));
    *row->mutable_time() = transition.time();
    if (row->time().seconds() <= last_second) {
      row->mutable_time()->set_seconds(last_second + 1);
      row->mutable_time()->set_nanos(0);
    }
    last_second = row->time().seconds();
    const std::string& whose = transition.settling_agency();
    row->set_actor(transition.officer().empty() ? whose : transition.officer());
    row->set_unit(AgencyName(catalogue, transition.unit().empty() ? whose : transition.unit()));
    row->set_content(std::string(StepText(transition.state())));
  }
  return request;
}

absl::Status OrderPortalSync(sql::Transaction& tx, const Catalogue& catalogue,
                             const DossierStore& store, const LoadedDossier& loaded,
                             const Clock& clock) {
  if (!IsToldToPortal(loaded.dossier)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const durable::Call call, CallOf(tx, catalogue, store, loaded.dossier, clock));
  RETURN_IF_ERROR(durable::AddCall(tx, kPortalSyncKind, call, loaded.key, clock));
  return SetPending(tx, loaded.dossier, clock.CivilNow());
}

absl::StatusOr<bool> RepeatPortalSync(sql::Transaction& tx, const Catalogue& catalogue,
                                      const DossierStore& store, const LoadedDossier& loaded,
                                      const Clock& clock) {
  if (!IsToldToPortal(loaded.dossier)) return PortalCopyUnknown(loaded.dossier.name());
  ASSIGN_OR_RETURN(const durable::Call call, CallOf(tx, catalogue, store, loaded.dossier, clock));
  ASSIGN_OR_RETURN(const bool ordered,
                   durable::RepeatCall(tx, kPortalSyncKind, call, loaded.key, clock));
  if (ordered) RETURN_IF_ERROR(SetPending(tx, loaded.dossier, clock.CivilNow()));
  return ordered;
}

absl::Status RecordPortalSync(sql::Transaction& tx, const durable::Call& call,
                              const durable::Outcome& outcome, absl::Time now) {
  if (outcome.status.ok()) {
    return tx
        .Execute(
            "UPDATE portal_syncs SET synced_revision = :revision, sync_time = :now, attempts = 0, "
            "last_error_reason = '', "
            "state = CASE WHEN wanted_revision = :revision THEN :synced ELSE state END "
            "WHERE dossier = :dossier AND synced_revision <= :revision",
            {{"revision", call.sequence},
             {"now", now},
             {"synced", static_cast<int>(PortalSync::SYNCED)},
             {"dossier", call.subject}})
        .status();
  }
  // A refusal of an older state says nothing of the newer one that is still to be told.
  return tx
      .Execute(
          "UPDATE portal_syncs SET attempts = :attempts, last_error_reason = :reason, "
          "state = CASE WHEN :final = 1 AND wanted_revision = :revision THEN :failed ELSE state "
          "END "
          "WHERE dossier = :dossier",
          {{"attempts", call.attempts},
           {"reason", ErrorReason(outcome.status)},
           {"final", outcome.final ? 1 : 0},
           {"revision", call.sequence},
           {"failed", static_cast<int>(PortalSync::FAILED)},
           {"dossier", call.subject}})
      .status();
}

}  // namespace lgsp::dossiers
