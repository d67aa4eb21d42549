#include "services/dossiers/dossier_service.h"

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/calendar/due_text.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::ExplainDueDateRequest;
using lgsp::dossiers::v1::ExplainDueDateResponse;
using lgsp::dossiers::v1::GetDossierRequest;
using lgsp::dossiers::v1::ListTransitionsRequest;
using lgsp::dossiers::v1::ListTransitionsResponse;
using lgsp::dossiers::v1::Transition;

DossierService::DossierService(Parts parts) : parts_(std::move(parts)) {}

absl::StatusOr<LoadedDossier> DossierService::LoadFor(sql::Transaction& tx, const Caller& caller,
                                                      absl::string_view field,
                                                      absl::string_view name) {
  ASSIGN_OR_RETURN(const std::string id, aip::ParseName(field, name, kCollection));
  return store().Load(tx, id, [&](const Dossier& plain) {
    return Concerns(*parts_.catalogue, caller, plain, parts_.clock->CivilNow());
  });
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

grpc::Status DossierService::ExplainDueDate(grpc::ServerContext* context,
                                            const ExplainDueDateRequest* request,
                                            ExplainDueDateResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    const auto language = ParseLanguage(request->language_code());
    if (!language.has_value()) return LanguageUnknown();
    return parts_.db->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const LoadedDossier loaded,
                           LoadFor(tx, call.caller, "name", request->name()));
          if (!loaded.dossier.has_due()) return DueDateNotSet();
          for (std::string& line : ExplainDue(loaded.dossier, *language)) {
            response->add_lines(std::move(line));
          }
          return absl::OkStatus();
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
                           store().Transitions(tx, loaded.dossier.name()));
          for (const Transition& transition : transitions)
            *response->add_transitions() = transition;
          return absl::OkStatus();
        },
        call.deadline);
  });
}

}  // namespace lgsp::dossiers
