// The lists of the service: which dossiers a caller has, page by page, and how many.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/keys/digest.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/decisions.h"
#include "services/dossiers/dossier_list.h"
#include "services/dossiers/dossier_service.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::CountDossiersRequest;
using lgsp::dossiers::v1::CountDossiersResponse;
using lgsp::dossiers::v1::ListDossiersRequest;
using lgsp::dossiers::v1::ListDossiersResponse;
using lgsp::dossiers::v1::SearchDossiersRequest;
using lgsp::dossiers::v1::SearchDossiersResponse;

absl::Status CheckState(int state) {
  return Dossier::State_IsValid(state)
             ? absl::OkStatus()
             : MakeFieldError("STATE_INVALID", "state", "must be one of the states");
}

// Of a list or a count.
template <typename Request>
absl::StatusOr<ListFilter> FilterOf(const Catalogue& catalogue, const Request& request) {
  RETURN_IF_ERROR(CheckState(request.state()));
  if (!request.settling_agency().empty() &&
      catalogue.FindAgency(request.settling_agency()) == nullptr) {
    return AgencyUnknown("settling_agency", request.settling_agency());
  }
  if (!request.officer().empty() && !auth::IsOfficerId(request.officer())) {
    return MakeFieldError("OFFICER_INVALID", "officer", "must be 1 to 64 of A-Z a-z 0-9 - _ .");
  }
  ListFilter filter;
  filter.state = request.state();
  filter.settling = request.settling_agency();
  filter.procedure = request.procedure();
  filter.officer = request.officer();
  if (request.has_due_before()) {
    filter.due_before = std::max<int64_t>(1, sql::Micros(ToTime(request.due_before())));
  }
  return filter;
}

// What a page token is good for: this caller's list with these filters. Hashed, as one may be a
// person.
template <typename Request>
std::string FiltersOf(const Caller& caller, Request request) {
  request.clear_page_token();
  request.clear_page_size();
  return keys::Hex(keys::Sha256(absl::StrCat(caller.system(), "\n", request.SerializeAsString())));
}

// True for what is wrong with one dossier; a damaged database fails the list itself.
bool IsOfOneDossier(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsDataLoss(status);
}

std::vector<std::string> ToToken(const ListPlace& place) {
  return {absl::StrCat(place.due), place.name};
}

absl::StatusOr<ListPlace> FromToken(const std::string& token, absl::string_view filters) {
  if (token.empty()) return ListPlace();
  ASSIGN_OR_RETURN(const std::vector<std::string> parts, aip::ParsePageToken(token, 2, filters));
  ListPlace place;
  // It is ours: only we make such.
  (void)absl::SimpleAtoi(parts[0], &place.due);
  place.name = parts[1];
  return place;
}

// Loads what stands at `places`, one more than a page, into `response`: at most `size` and not more
// than a message can hold.
template <typename Response>
absl::Status FillPage(sql::Transaction& tx, const DossierStore& store,
                      const std::vector<ListPlace>& places, int size, const std::string& filters,
                      Dossier::State state, Response& response) {
  size_t bytes = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    auto loaded = store.Load(tx, IdOf(places[i].name));
    // One that is no more, or is damaged, must not keep the others from being listed.
    if (!loaded.ok() && !IsOfOneDossier(loaded.status())) return loaded.status();
    if (absl::IsDataLoss(loaded.status())) {
      log::Error("dossier cannot be read", {{"name", places[i].name}, {"status", loaded.status()}});
    }
    if (loaded.ok()) bytes += loaded->dossier.ByteSizeLong();
    if (static_cast<int>(i) == size || (response.dossiers_size() > 0 && bytes > kMaxPageBytes)) {
      response.set_next_page_token(aip::MakePageToken(ToToken(places[i - 1]), filters));
      return absl::OkStatus();
    }
    const bool wanted =
        loaded.ok() && (state == Dossier::STATE_UNSPECIFIED || loaded->dossier.state() == state);
    if (wanted) response.add_dossiers()->Swap(&loaded->dossier);
  }
  return absl::OkStatus();
}

// Dossiers of any of `agencies` in which the person is, newest first, each once.
absl::StatusOr<std::vector<ListPlace>> FindPerson(sql::Transaction& tx, const PersonIndex& persons,
                                                  const std::vector<std::string>& agencies,
                                                  const PersonQuery& query, absl::string_view after,
                                                  int limit) {
  std::set<std::string, std::greater<>> names;
  for (const std::string& agency : agencies) {
    ASSIGN_OR_RETURN(const std::vector<std::string> found,
                     persons.Find(tx, agency, query, after, limit));
    names.insert(found.begin(), found.end());
    while (static_cast<int>(names.size()) > limit) names.erase(std::prev(names.end()));
  }
  std::vector<ListPlace> places;
  for (const std::string& name : names) places.push_back({0, name});
  return places;
}

absl::StatusOr<PersonQuery> QueryOf(const SearchDossiersRequest& request) {
  RETURN_IF_ERROR(CheckState(request.state()));
  const size_t given = (request.id_number().empty() ? 0 : 1) + (request.name().empty() ? 0 : 1);
  if (given > 1 || (given == 0 && !request.has_foreign_code())) {
    return PersonQueryInvalid("an ID number or a name must be given, not both");
  }
  if (request.id_number().size() > kMaxQueryBytes || request.name().size() > kMaxQueryBytes) {
    return PersonQueryInvalid("is too long");
  }
  return PersonQuery{request.id_number(), request.name(), request.exact_name()};
}

}  // namespace

std::vector<std::string> DossierService::ListsOf(const Caller& caller) const {
  const absl::CivilDay today = VietnamDay(parts_.clock->CivilNow());
  std::vector<std::string> lists;
  // What an agency of another province took in is in its list too.
  for (const std::string& agency : caller.agencies()) {
    const bool one = !absl::EndsWith(agency, "*");
    if (one && parts_.catalogue->FindAgency(agency) == nullptr) lists.push_back(agency);
  }
  for (const Agency& agency : parts_.catalogue->agencies()) {
    // Also what was an agency's that has ended, for its successor.
    if (auth::ActsFor(caller, agency.code) ||
        auth::ActsFor(caller, parts_.catalogue->ActingAgency(agency.code, today))) {
      lists.push_back(agency.code);
    }
  }
  return lists;
}

namespace {}  // namespace

std::vector<std::string> DossierService::Narrow(std::vector<std::string> lists,
                                                ListFilter& filter) const {
  if (filter.settling.empty()) return lists;
  const absl::CivilDay today = VietnamDay(parts_.clock->CivilNow());
  std::vector<std::string> own;
  for (const std::string& list : lists) {
    const bool theirs =
        list == filter.settling || parts_.catalogue->ActingAgency(list, today) == filter.settling;
    if (theirs) own.push_back(list);
  }
  filter.own = !own.empty();
  if (filter.own) return own;
  // Who has it and when it is due stands in the list of the agency that settles, and nowhere else.
  if (!filter.officer.empty() || filter.due_before > 0) return {};
  return lists;
}

grpc::Status DossierService::ListDossiers(grpc::ServerContext* context,
                                          const ListDossiersRequest* request,
                                          ListDossiersResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    ASSIGN_OR_RETURN(ListFilter filter, FilterOf(*parts_.catalogue, *request));
    const std::string filters = FiltersOf(call.caller, *request);
    ASSIGN_OR_RETURN(const ListPlace after, FromToken(request->page_token(), filters));
    const std::vector<std::string> lists = Narrow(ListsOf(call.caller), filter);
    return parts_.db->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const std::vector<ListPlace> places,
                           ReadList(tx, lists, filter, after, size + 1));
          return FillPage(tx, store(), places, size, filters, Dossier::STATE_UNSPECIFIED,
                          *response);
        },
        call.deadline);
  });
}

grpc::Status DossierService::SearchDossiers(grpc::ServerContext* context,
                                            const SearchDossiersRequest* request,
                                            SearchDossiersResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    ASSIGN_OR_RETURN(const PersonQuery query, QueryOf(*request));
    const std::string filters = FiltersOf(call.caller, *request);
    ASSIGN_OR_RETURN(const ListPlace after, FromToken(request->page_token(), filters));
    return parts_.db->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          if (request->has_foreign_code()) {
            ASSIGN_OR_RETURN(const std::string name,
                             store().FindForeignCode(tx, request->foreign_code()));
            if (name.empty()) return absl::OkStatus();
            auto loaded = store().Load(tx, IdOf(name), [&](const Dossier& plain) {
              return Concerns(*parts_.catalogue, call.caller, plain, parts_.clock->CivilNow());
            });
            if (!loaded.ok()) {
              return IsOfOneDossier(loaded.status()) ? absl::OkStatus() : loaded.status();
            }
            response->add_dossiers()->Swap(&loaded->dossier);
            return absl::OkStatus();
          }
          ASSIGN_OR_RETURN(
              const std::vector<ListPlace> places,
              FindPerson(tx, store().persons(), ListsOf(call.caller), query, after.name, size + 1));
          return FillPage(tx, store(), places, size, filters, request->state(), *response);
        },
        call.deadline);
  });
}

grpc::Status DossierService::CountDossiers(grpc::ServerContext* context,
                                           const CountDossiersRequest* request,
                                           CountDossiersResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(ListFilter filter, FilterOf(*parts_.catalogue, *request));
    const std::vector<std::string> lists = Narrow(ListsOf(call.caller), filter);
    const bool by_state =
        filter.own && filter.procedure.empty() && filter.officer.empty() && filter.due_before == 0;
    return parts_.db->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          if (!by_state) {
            ASSIGN_OR_RETURN(const std::vector<ListPlace> places,
                             ReadList(tx, lists, filter, {}, kMaxCounted + 1));
            response->set_more(static_cast<int>(places.size()) > kMaxCounted);
            response->set_count(std::min<int64_t>(kMaxCounted, places.size()));
            return absl::OkStatus();
          }
          std::map<Dossier::State, int64_t> counts;
          for (const std::string& list : lists) {
            ASSIGN_OR_RETURN(const auto of_list, CountSettled(tx, list));
            for (const auto& [state, count] : of_list) counts[state] += count;
          }
          for (const auto& [state, count] : counts) {
            if (filter.state != Dossier::STATE_UNSPECIFIED && filter.state != state) continue;
            response->set_count(response->count() + count);
            if (count == 0) continue;
            response->add_states()->set_state(state);
            response->mutable_states()->rbegin()->set_count(count);
          }
          return absl::OkStatus();
        },
        call.deadline);
  });
}

}  // namespace lgsp::dossiers
