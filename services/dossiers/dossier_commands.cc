// The commands of the service: how each goes is RunCommand's, what it makes of a dossier the pure
// decisions'.
#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/clock/clock.h"
#include "libs/durable/commands.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/dossiers/assignment.h"
#include "services/dossiers/consultation.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/dossier_service.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/kept_answer.h"
#include "services/dossiers/results/result_store.h"
#include "services/dossiers/routing.h"
#include "services/dossiers/settlement.h"

namespace lgsp::dossiers {

using lgsp::auth::v1::Caller;

template <typename Request>
grpc::Status DossierService::RunCommand(
    grpc::ServerContext* context, Command kind, const Request& request,
    absl::FunctionRef<absl::StatusOr<LoadedDossier>(sql::Transaction&, const Caller&, absl::Time)>
        decide,
    Dossier* response) {
  const auto take_effect = [&](sql::Transaction& tx, const durable::Command& command,
                               const rpc::CallContext& call) -> absl::Status {
    const absl::Time now = parts_.clock->CivilNow();
    ASSIGN_OR_RETURN(LoadedDossier loaded, decide(tx, call.caller, now));
    RETURN_IF_ERROR(parts_.changes->Save(tx, kind, call.caller, call.traceparent, now, loaded));
    // What is answered is what a reader would see now.
    ASSIGN_OR_RETURN(LoadedDossier stored, store().Load(tx, IdOf(loaded.dossier.name())));
    RETURN_IF_ERROR(durable::SaveAnswer(tx, command, stored.dossier.name(), stored.key,
                                        MakeKeptAnswer(loaded, stored.dossier),
                                        parts_.clock->SecurityNow()));
    response->Swap(&stored.dossier);
    return absl::OkStatus();
  };
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(aip::CheckRequestId(request.request_id()));
    const auto command = durable::MakeCommand(call.caller.system(), request.request_id(),
                                              Request::descriptor()->name(), request);
    RETURN_IF_ERROR(parts_.db->Run(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const auto answer,
                           durable::FindAnswer(tx, *parts_.subject_keys, command));
          if (answer.has_value()) {
            ASSIGN_OR_RETURN(*response, TakeKeptAnswer(*parts_.catalogue, call.caller, *answer,
                                                       parts_.clock->CivilNow()));
            return absl::OkStatus();
          }
          const absl::Status done = take_effect(tx, command, call);
          if (done.ok()) return done;
          // It may be its own effect that stands in its way, committed by another process since it
          // was looked for: run again, it finds the answer.
          const auto late = durable::FindAnswer(tx, *parts_.subject_keys, command);
          return late.ok() && late->has_value() ? sql::RevisionConflict() : done;
        },
        call.deadline));
    parts_.committed();
    return absl::OkStatus();
  });
}

template <typename Request>
grpc::Status DossierService::RunChange(
    grpc::ServerContext* context, Command kind, const Request& request,
    absl::FunctionRef<absl::Status(const Situation&, Dossier& dossier)> decide, Dossier* response) {
  return RunCommand(
      context, kind, request,
      [&](sql::Transaction& tx, const Caller& caller,
          absl::Time now) -> absl::StatusOr<LoadedDossier> {
        ASSIGN_OR_RETURN(LoadedDossier loaded, LoadFor(tx, caller, "name", request.name()));
        Dossier& dossier = loaded.dossier;
        RETURN_IF_ERROR(aip::CheckEtag(request.etag(), dossier.name(), dossier.revision()));
        const int64_t revision = dossier.revision();
        Succeed(*parts_.catalogue, now, dossier);
        const Actors actors = ActorsOf(caller, dossier);
        RETURN_IF_ERROR(decide({*parts_.catalogue, actors, now, &caller}, dossier));
        if (kind == Command::kComplete) {
          // Held, so that none is ordered until this has ended.
          RETURN_IF_ERROR(HoldDossier(tx, dossier.name(), revision));
          RETURN_IF_ERROR(CheckNoneUnderWay(tx, dossier.name()));
        }
        // The contended row comes after everything that could refuse.
        if (dossier.state() == Dossier::ACCEPTED && dossier.code().empty()) {
          ASSIGN_OR_RETURN(*dossier.mutable_code(),
                           store().NextCode(tx, dossier.settling_agency(), VietnamDay(now)));
        }
        return loaded;
      },
      response);
}

absl::Status DossierService::CheckNotFiled(sql::Transaction& tx, const Caller& caller,
                                           const v1::SubmitDossierRequest& request) {
  for (const v1::ForeignCode& code : request.foreign_codes()) {
    ASSIGN_OR_RETURN(const std::string name, store().FindForeignCode(tx, code));
    if (name.empty()) continue;
    const bool visible = LoadFor(tx, caller, "name", name).ok();
    return ForeignCodeTaken(code.issuer(), visible ? name : "");
  }
  return absl::OkStatus();
}

grpc::Status DossierService::SubmitDossier(grpc::ServerContext* context,
                                           const v1::SubmitDossierRequest* request,
                                           Dossier* response) {
  return RunCommand(
      context, request->draft() ? Command::kDraft : Command::kSubmit, *request,
      [&](sql::Transaction& tx, const Caller& caller,
          absl::Time now) -> absl::StatusOr<LoadedDossier> {
        LoadedDossier submitted;
        RETURN_IF_ERROR(CheckNotFiled(tx, caller, *request));
        ASSIGN_OR_RETURN(submitted.dossier, (request->draft() ? DecideDraft : DecideSubmit)(
                                                *parts_.catalogue, caller, *request, now));
        submitted.dossier.set_name(absl::StrCat(kCollection, "/", NewUuid(*parts_.clock)));
        return submitted;
      },
      response);
}

grpc::Status DossierService::UpdateDraft(grpc::ServerContext* context,
                                         const v1::UpdateDraftRequest* request, Dossier* response) {
  return RunChange(
      context, Command::kUpdateDraft, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideUpdateDraft(situation, request->submission(), dossier);
      },
      response);
}

grpc::Status DossierService::FileDossier(grpc::ServerContext* context,
                                         const v1::FileDossierRequest* request, Dossier* response) {
  return RunChange(
      context, Command::kFile, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideFile(situation, request->submission(), dossier);
      },
      response);
}

grpc::Status DossierService::AcceptDossier(grpc::ServerContext* context,
                                           const v1::AcceptDossierRequest* request,
                                           Dossier* response) {
  return RunChange(
      context, Command::kAccept, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideAccept(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::CompleteDossier(grpc::ServerContext* context,
                                             const v1::CompleteDossierRequest* request,
                                             Dossier* response) {
  return RunChange(
      context, Command::kComplete, *request,
      [](const Situation& situation, Dossier& dossier) {
        return DecideComplete(situation, dossier);
      },
      response);
}

grpc::Status DossierService::ReturnDossier(grpc::ServerContext* context,
                                           const v1::ReturnDossierRequest* request,
                                           Dossier* response) {
  return RunChange(
      context, Command::kReturn, *request,
      [](const Situation& situation, Dossier& dossier) { return DecideReturn(situation, dossier); },
      response);
}

grpc::Status DossierService::RejectDossier(grpc::ServerContext* context,
                                           const v1::RejectDossierRequest* request,
                                           Dossier* response) {
  return RunChange(
      context, Command::kReject, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideReject(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::AskSupplement(grpc::ServerContext* context,
                                           const v1::AskSupplementRequest* request,
                                           Dossier* response) {
  return RunChange(
      context, Command::kAskSupplement, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideAskSupplement(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::AnswerSupplement(grpc::ServerContext* context,
                                              const v1::AnswerSupplementRequest* request,
                                              Dossier* response) {
  return RunChange(
      context, Command::kAnswerSupplement, *request,
      [](const Situation& situation, Dossier& dossier) {
        return DecideAnswerSupplement(situation, dossier);
      },
      response);
}

grpc::Status DossierService::TransferDossier(grpc::ServerContext* context,
                                             const v1::TransferDossierRequest* request,
                                             Dossier* response) {
  return RunChange(
      context, Command::kTransfer, *request,
      [](const Situation& situation, Dossier& dossier) {
        return DecideTransfer(situation, dossier);
      },
      response);
}

grpc::Status DossierService::ReceiveDossier(grpc::ServerContext* context,
                                            const v1::ReceiveDossierRequest* request,
                                            Dossier* response) {
  return RunChange(
      context, Command::kReceive, *request,
      [](const Situation& situation, Dossier& dossier) {
        return DecideReceive(situation, dossier);
      },
      response);
}

grpc::Status DossierService::ForwardDossier(grpc::ServerContext* context,
                                            const v1::ForwardDossierRequest* request,
                                            Dossier* response) {
  return RunChange(
      context, Command::kForward, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideForward(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::SendBackDossier(grpc::ServerContext* context,
                                             const v1::SendBackDossierRequest* request,
                                             Dossier* response) {
  return RunChange(
      context, Command::kSendBack, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideSendBack(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::AssignDossier(grpc::ServerContext* context,
                                           const v1::AssignDossierRequest* request,
                                           Dossier* response) {
  return RunChange(
      context, Command::kAssign, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideAssign(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::MoveWork(grpc::ServerContext* context,
                                      const v1::MoveWorkRequest* request,
                                      v1::MoveWorkResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(CheckMoveWork(*parts_.catalogue, call.caller, *request));
    ASSIGN_OR_RETURN(*response,
                     parts_.changes->MoveWork(*parts_.db, call.caller, *request, call.traceparent));
    if (response->moved() > 0) parts_.committed();
    return absl::OkStatus();
  });
}

// Its answer cannot be kept with the dossier's key, and need not be: erased twice is erased.
grpc::Status DossierService::EraseDossier(grpc::ServerContext* context,
                                          const v1::EraseDossierRequest* request,
                                          v1::EraseDossierResponse*) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    const absl::Status erased = parts_.db->Run(
        [&](sql::Transaction& tx) -> absl::Status {
          const absl::Time now = parts_.clock->CivilNow();
          ASSIGN_OR_RETURN(LoadedDossier loaded, LoadFor(tx, call.caller, "name", request->name()));
          Dossier& dossier = loaded.dossier;
          RETURN_IF_ERROR(aip::CheckEtag(request->etag(), dossier.name(), dossier.revision()));
          Succeed(*parts_.catalogue, now, dossier);
          const Actors actors = ActorsOf(call.caller, dossier);
          RETURN_IF_ERROR(
              DecideErase({*parts_.catalogue, actors, now, &call.caller}, *request, dossier));
          return parts_.changes->Save(tx, Command::kErase, call.caller, call.traceparent, now,
                                      loaded);
        },
        call.deadline);
    if (ErrorReason(erased) == "DATA_KEY_ERASED") return absl::OkStatus();
    if (erased.ok()) parts_.committed();
    return erased;
  });
}

grpc::Status DossierService::AnswerConsultation(grpc::ServerContext* context,
                                                const v1::AnswerConsultationRequest* request,
                                                Dossier* response) {
  return RunChange(
      context, Command::kAnswerConsultation, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideAnswerConsultation(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::StartDossier(grpc::ServerContext* context,
                                          const v1::StartDossierRequest* request,
                                          Dossier* response) {
  return RunChange(
      context, Command::kStart, *request,
      [](const Situation& situation, Dossier& dossier) { return DecideStart(situation, dossier); },
      response);
}

grpc::Status DossierService::BeginWait(grpc::ServerContext* context,
                                       const v1::BeginWaitRequest* request, Dossier* response) {
  const Command kind =
      request->kind() == v1::DayRun::PAYMENT ? Command::kWaitForPayment : Command::kWaitForAgency;
  return RunChange(
      context, kind, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideBeginWait(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::EndWait(grpc::ServerContext* context,
                                     const v1::EndWaitRequest* request, Dossier* response) {
  return RunChange(
      context, Command::kEndWait, *request,
      [](const Situation& situation, Dossier& dossier) {
        return DecideEndWait(situation, dossier);
      },
      response);
}

grpc::Status DossierService::SignDossier(grpc::ServerContext* context,
                                         const v1::SignDossierRequest* request, Dossier* response) {
  return RunChange(
      context, Command::kSign, *request,
      [](const Situation& situation, Dossier& dossier) { return DecideSign(situation, dossier); },
      response);
}

grpc::Status DossierService::ReappointDossier(grpc::ServerContext* context,
                                              const v1::ReappointDossierRequest* request,
                                              Dossier* response) {
  return RunChange(
      context, Command::kReappoint, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideReappoint(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::WithdrawDossier(grpc::ServerContext* context,
                                             const v1::WithdrawDossierRequest* request,
                                             Dossier* response) {
  return RunChange(
      context, Command::kWithdraw, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideWithdraw(situation, *request, dossier);
      },
      response);
}

grpc::Status DossierService::StopDossier(grpc::ServerContext* context,
                                         const v1::StopDossierRequest* request, Dossier* response) {
  return RunChange(
      context, Command::kStop, *request,
      [&](const Situation& situation, Dossier& dossier) {
        return DecideStop(situation, *request, dossier);
      },
      response);
}

}  // namespace lgsp::dossiers
