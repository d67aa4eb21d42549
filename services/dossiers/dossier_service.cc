#include "services/dossiers/dossier_service.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/due_text.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::Dossier;
using lgsp::dossiers::v1::ExplainDueDateRequest;
using lgsp::dossiers::v1::ExplainDueDateResponse;
using lgsp::dossiers::v1::GetDossierRequest;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::ListDossiersResponse;
using lgsp::dossiers::v1::ListTransitionsRequest;
using lgsp::dossiers::v1::ListTransitionsResponse;
using lgsp::dossiers::v1::Transition;

namespace {

// What a page token is good for: this caller's list with these filters.
std::string FiltersOf(const Caller& caller, const ListDossiersRequest& request) {
  return absl::StrCat(caller.system(), "\n", request.state(), "\n", request.settling_agency());
}

// True for what is wrong with one dossier; a damaged database fails the list itself.
bool IsOfOneDossier(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsDataLoss(status);
}

}  // namespace

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

absl::StatusOr<std::vector<std::string>> DossierService::PageOfNames(
    sql::Transaction& tx, const Caller& caller, const ListDossiersRequest& request,
    absl::string_view after, int limit) {
  // A dossier of several of the caller's agencies comes once; the page is the newest of them all.
  std::set<std::string, std::greater<>> names;
  const absl::CivilDay today = VietnamDay(parts_.clock->CivilNow());
  for (const Agency& agency : parts_.catalogue->agencies()) {
    // Also what was an agency's that has ended, for its successor.
    const std::string acting = parts_.catalogue->ActingAgency(agency.code, today);
    if (!auth::ActsFor(caller, agency.code) && !auth::ActsFor(caller, acting)) continue;
    ASSIGN_OR_RETURN(const std::vector<std::string> of_agency,
                     store().NamesOfAgency(tx, agency.code, request.settling_agency(),
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
    auto loaded = store().Load(tx, IdOf(names[i]));
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
