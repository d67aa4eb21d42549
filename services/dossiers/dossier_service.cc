#include "services/dossiers/dossier_service.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/dossier_events.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/portal_sync.h"

namespace lgsp::dossiers {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::AcceptDossierRequest;
using lgsp::dossiers::v1::CompleteDossierRequest;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::GetDossierRequest;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::ListDossiersResponse;
using lgsp::dossiers::v1::ListTransitionsRequest;
using lgsp::dossiers::v1::ListTransitionsResponse;
using lgsp::dossiers::v1::RejectDossierRequest;
using lgsp::dossiers::v1::ReturnDossierRequest;
using lgsp::dossiers::v1::SubmitDossierRequest;
using lgsp::dossiers::v1::Transition;

namespace {

constexpr char kCollection[] = "dossiers";

// What a page token is good for: this caller's list with these filters.
std::string FiltersOf(const Caller& caller, const ListDossiersRequest& request) {
  return absl::StrCat(caller.system(), "\n", request.state(), "\n", request.settling_agency());
}

// True for what is wrong with one dossier; a damaged database fails the list itself.
bool IsOfOneDossier(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsDataLoss(status);
}

// `0197…` of `dossiers/0197…`.
std::string IdOf(const std::string& name) { return name.substr(name.find('/') + 1); }

}  // namespace

DossierService::DossierService(Parts parts)
    : parts_(std::move(parts)), store_(parts_.subject_keys), outbox_(parts_.clock) {}

absl::StatusOr<LoadedDossier> DossierService::LoadFor(sql::Transaction& tx, const Caller& caller,
                                                      absl::string_view field,
                                                      absl::string_view name) {
  ASSIGN_OR_RETURN(const std::string id, aip::ParseName(field, name, kCollection));
  return store_.Load(tx, id, [&](const Dossier& plain) { return Concerns(caller, plain); });
}

absl::Status DossierService::Save(sql::Transaction& tx, const rpc::CallContext& call,
                                  const durable::Command& command, LoadedDossier& loaded,
                                  absl::Time now) {
  Dossier& dossier = loaded.dossier;
  if (dossier.revision() == 1) {
    ASSIGN_OR_RETURN(loaded.key, store_.Insert(tx, dossier));
  } else {
    RETURN_IF_ERROR(store_.Update(tx, loaded));
  }
  RETURN_IF_ERROR(store_.AddTransition(tx, dossier, now, call.caller));
  RETURN_IF_ERROR(OrderPortalSync(tx, *parts_.catalogue, store_, loaded, *parts_.clock));
  const auto event = MakeEvent(dossier);
  std::set<std::string> audience = {dossier.intake_agency(), dossier.settling_agency()};
  RETURN_IF_ERROR(outbox_.Add(tx, {dossier.name(),
                                   dossier.revision(),
                                   now,
                                   {audience.begin(), audience.end()},
                                   call.traceparent,
                                   event.get()}));
  // What is answered is what a reader would see now.
  ASSIGN_OR_RETURN(const LoadedDossier stored, store_.Load(tx, IdOf(dossier.name())));
  dossier = stored.dossier;
  return durable::SaveAnswer(tx, command, dossier.name(), loaded.key, dossier.SerializeAsString(),
                             parts_.clock->SecurityNow());
}

template <typename Request>
grpc::Status DossierService::RunCommand(
    grpc::ServerContext* context, absl::string_view method, const Request& request,
    absl::FunctionRef<absl::StatusOr<LoadedDossier>(sql::Transaction&, const Caller&, absl::Time)>
        decide,
    Dossier* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(aip::CheckRequestId(request.request_id()));
    const auto command =
        durable::MakeCommand(call.caller.system(), request.request_id(), method, request);
    RETURN_IF_ERROR(parts_.db->Run(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const auto answer,
                           durable::FindAnswer(tx, *parts_.subject_keys, command));
          if (answer.has_value()) {
            response->ParseFromString(*answer);
            // What the caller may see can have become less since.
            return Concerns(call.caller, *response) ? absl::OkStatus()
                                                    : DossierNotFound(response->name());
          }
          const absl::Time now = parts_.clock->CivilNow();
          ASSIGN_OR_RETURN(LoadedDossier loaded, decide(tx, call.caller, now));
          RETURN_IF_ERROR(Save(tx, call, command, loaded, now));
          response->Swap(&loaded.dossier);
          return absl::OkStatus();
        },
        call.deadline));
    parts_.committed();
    return absl::OkStatus();
  });
}

grpc::Status DossierService::SubmitDossier(grpc::ServerContext* context,
                                           const SubmitDossierRequest* request, Dossier* response) {
  return RunCommand(
      context, "SubmitDossier", *request,
      [&](sql::Transaction&, const Caller& caller,
          absl::Time now) -> absl::StatusOr<LoadedDossier> {
        LoadedDossier submitted;
        ASSIGN_OR_RETURN(submitted.dossier, DecideSubmit(*parts_.catalogue, caller, *request, now));
        submitted.dossier.set_name(absl::StrCat(kCollection, "/", NewUuid(*parts_.clock)));
        return submitted;
      },
      response);
}

template <typename Request>
grpc::Status DossierService::RunChange(
    grpc::ServerContext* context, absl::string_view method, const Request& request,
    absl::FunctionRef<absl::Status(absl::Time now, Dossier& dossier)> decide, Dossier* response) {
  return RunCommand(
      context, method, request,
      [&](sql::Transaction& tx, const Caller& caller,
          absl::Time now) -> absl::StatusOr<LoadedDossier> {
        ASSIGN_OR_RETURN(LoadedDossier loaded, LoadFor(tx, caller, "name", request.name()));
        Dossier& dossier = loaded.dossier;
        RETURN_IF_ERROR(aip::CheckEtag(request.etag(), dossier.name(), dossier.revision()));
        RETURN_IF_ERROR(decide(now, dossier));
        // The contended row comes after everything that could refuse.
        if (dossier.state() == Dossier::ACCEPTED && dossier.code().empty()) {
          ASSIGN_OR_RETURN(*dossier.mutable_code(),
                           store_.NextCode(tx, dossier.settling_agency(), VietnamDay(now)));
        }
        return loaded;
      },
      response);
}

grpc::Status DossierService::AcceptDossier(grpc::ServerContext* context,
                                           const AcceptDossierRequest* request, Dossier* response) {
  return RunChange(
      context, "AcceptDossier", *request,
      [&](absl::Time now, Dossier& dossier) {
        return DecideAccept(*parts_.catalogue, *request, now, dossier);
      },
      response);
}

grpc::Status DossierService::CompleteDossier(grpc::ServerContext* context,
                                             const CompleteDossierRequest* request,
                                             Dossier* response) {
  return RunChange(
      context, "CompleteDossier", *request,
      [](absl::Time now, Dossier& dossier) { return DecideComplete(now, dossier); }, response);
}

grpc::Status DossierService::ReturnDossier(grpc::ServerContext* context,
                                           const ReturnDossierRequest* request, Dossier* response) {
  return RunChange(
      context, "ReturnDossier", *request,
      [](absl::Time now, Dossier& dossier) { return DecideReturn(now, dossier); }, response);
}

grpc::Status DossierService::RejectDossier(grpc::ServerContext* context,
                                           const RejectDossierRequest* request, Dossier* response) {
  return RunChange(
      context, "RejectDossier", *request,
      [&](absl::Time now, Dossier& dossier) { return DecideReject(*request, now, dossier); },
      response);
}

grpc::Status DossierService::GetDossier(grpc::ServerContext* context,
                                        const GetDossierRequest* request, Dossier* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) {
    return parts_.db->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(LoadedDossier loaded, LoadFor(tx, call.caller, "name", request->name()));
          response->Swap(&loaded.dossier);
          return absl::OkStatus();
        },
        call.deadline);
  });
}

absl::StatusOr<std::vector<std::string>> DossierService::PageOfNames(
    sql::Transaction& tx, const Caller& caller, const ListDossiersRequest& request,
    absl::string_view after, int limit) {
  // A dossier of several of the caller's agencies comes once; the page is the newest of them all.
  std::set<std::string, std::greater<>> names;
  for (const Agency& agency : parts_.catalogue->agencies()) {
    if (!auth::ActsFor(caller, agency.code)) continue;
    ASSIGN_OR_RETURN(const std::vector<std::string> of_agency,
                     store_.NamesOfAgency(tx, agency.code, request.settling_agency(),
                                          request.state(), after, limit));
    names.insert(of_agency.begin(), of_agency.end());
    while (static_cast<int>(names.size()) > limit) names.erase(std::prev(names.end()));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

absl::Status DossierService::CheckFilters(const ListDossiersRequest& request) const {
  if (!Dossier::State_IsValid(request.state())) {
    return MakeFieldError("STATE_INVALID", "state", "must be one of the states");
  }
  if (!request.settling_agency().empty() &&
      parts_.catalogue->FindAgency(request.settling_agency()) == nullptr) {
    return AgencyUnknown("settling_agency", request.settling_agency());
  }
  return absl::OkStatus();
}

absl::Status DossierService::FillPage(sql::Transaction& tx, const Caller& caller,
                                      const ListDossiersRequest& request, absl::string_view after,
                                      int size, ListDossiersResponse& response) {
  // One more than asked for tells whether there is another page.
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   PageOfNames(tx, caller, request, after, size + 1));
  size_t bytes = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    auto loaded = store_.Load(tx, IdOf(names[i]));
    // One that is no more, or is damaged, must not keep the others from being listed.
    if (!loaded.ok() && !IsOfOneDossier(loaded.status())) return loaded.status();
    if (absl::IsDataLoss(loaded.status())) {
      log::Error("dossier cannot be read", {{"name", names[i]}, {"status", loaded.status()}});
    }
    if (loaded.ok()) bytes += loaded->dossier.ByteSizeLong();
    if (static_cast<int>(i) == size || (response.dossiers_size() > 0 && bytes > kMaxPageBytes)) {
      response.set_next_page_token(aip::MakePageToken({names[i - 1]}, FiltersOf(caller, request)));
      return absl::OkStatus();
    }
    if (loaded.ok()) response.add_dossiers()->Swap(&loaded->dossier);
  }
  return absl::OkStatus();
}

grpc::Status DossierService::ListDossiers(grpc::ServerContext* context,
                                          const ListDossiersRequest* request,
                                          ListDossiersResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    RETURN_IF_ERROR(CheckFilters(*request));
    std::string after;
    if (!request->page_token().empty()) {
      ASSIGN_OR_RETURN(
          const std::vector<std::string> place,
          aip::ParsePageToken(request->page_token(), 1, FiltersOf(call.caller, *request)));
      after = place[0];
    }
    return parts_.db->Read(
        [&](sql::Transaction& tx) {
          return FillPage(tx, call.caller, *request, after, size, *response);
        },
        call.deadline);
  });
}

grpc::Status DossierService::ListTransitions(grpc::ServerContext* context,
                                             const ListTransitionsRequest* request,
                                             ListTransitionsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) {
    return parts_.db->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const LoadedDossier loaded,
                           LoadFor(tx, call.caller, "parent", request->parent()));
          ASSIGN_OR_RETURN(const std::vector<Transition> transitions,
                           store_.Transitions(tx, loaded.dossier.name()));
          for (const Transition& transition : transitions)
            *response->add_transitions() = transition;
          return absl::OkStatus();
        },
        call.deadline);
  });
}

}  // namespace lgsp::dossiers
