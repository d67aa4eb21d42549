#include "services/dossiers/mirrors/mirror_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/auth/auth.h"
#include "libs/clock/timestamp.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/mirrors/mirror_store.h"

namespace lgsp::dossiers {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::dossiers::v1::CountMirrorsRequest;
using lgsp::dossiers::v1::CountMirrorsResponse;
using lgsp::dossiers::v1::GetMirrorRequest;
using lgsp::dossiers::v1::ListMirrorsRequest;
using lgsp::dossiers::v1::ListMirrorsResponse;
using lgsp::dossiers::v1::Mirror;
using lgsp::dossiers::v1::PutMirrorRequest;

constexpr int kFirstStatus = 1;
constexpr int kLastStatus = 10;

absl::Status CheckAgency(const Catalogue& catalogue, const Caller& caller,
                         const std::string& agency) {
  if (catalogue.FindAgency(agency) == nullptr) return AgencyUnknown("agency", agency);
  return auth::ActsFor(caller, agency) ? absl::OkStatus() : AgencyNotRepresented(agency);
}

absl::Status CheckFields(const Mirror& mirror) {
  if (!auth::IsOfficerId(mirror.code())) {
    return MirrorInvalid("mirror.code", "must be 1 to 64 of A-Z a-z 0-9 - _ .");
  }
  const std::string& state = mirror.owner_state();
  const bool word = std::all_of(state.begin(), state.end(), [](char c) {
    return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '_';
  });
  if (!word || state.empty() || state.size() > kMaxOwnerStateLength) {
    return MirrorInvalid("mirror.owner_state", "must be 1 to 64 of A-Z 0-9 _");
  }
  if (mirror.portal_status() < kFirstStatus || mirror.portal_status() > kLastStatus) {
    return MirrorInvalid("mirror.portal_status", "must be 1 to 10");
  }
  if (!mirror.has_event_time() || !IsValid(mirror.event_time())) {
    return MirrorInvalid("mirror.event_time", "must be given");
  }
  return IsValid(mirror.due_time()) ? absl::OkStatus()
                                    : MirrorInvalid("mirror.due_time", "is no time");
}

absl::StatusOr<Mirror> CleanMirror(const Catalogue& catalogue, const Caller& caller,
                                   const Mirror& given, absl::Time now) {
  RETURN_IF_ERROR(CheckFields(given));
  RETURN_IF_ERROR(CheckAgency(catalogue, caller, given.agency()));
  const Procedure* procedure = catalogue.FindProcedure(given.procedure());
  if (procedure == nullptr) return ProcedureUnknown(given.procedure());
  if (procedure->scope() != Procedure::CENTRAL) return MirrorNotCentral(procedure->code());
  // A time to come would keep every later report out.
  if (ToTime(given.event_time()) > now + kClockTolerance) {
    return MirrorInvalid("mirror.event_time", "is to come");
  }
  Mirror mirror = given;
  mirror.DiscardUnknownFields();
  mirror.set_name(absl::StrCat(kMirrorCollection, "/", given.code()));
  mirror.set_owner(caller.system());
  *mirror.mutable_update_time() = ToTimestamp(now);
  return mirror;
}

}  // namespace

grpc::Status MirrorService::PutMirror(grpc::ServerContext* context, const PutMirrorRequest* request,
                                      Mirror* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const Mirror mirror,
                     CleanMirror(*catalogue_, call.caller, request->mirror(), clock_->CivilNow()));
    return db_->Run(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const std::optional<Mirror> before, FindMirror(tx, mirror.code()));
          const bool theirs = before.has_value() && (before->owner() != mirror.owner() ||
                                                     !auth::ActsFor(call.caller, before->agency()));
          if (theirs) return MirrorOfAnother(mirror.code());
          if (before.has_value() && ToTime(before->event_time()) >= ToTime(mirror.event_time())) {
            *response = *before;
            return absl::OkStatus();
          }
          *response = mirror;
          return SaveMirror(tx, before, mirror);
        },
        call.deadline);
  });
}

grpc::Status MirrorService::GetMirror(grpc::ServerContext* context, const GetMirrorRequest* request,
                                      Mirror* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string code,
                     aip::ParseName("name", request->name(), kMirrorCollection));
    return db_->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const std::optional<Mirror> found, FindMirror(tx, code));
          if (!found.has_value() || !auth::ActsFor(call.caller, found->agency())) {
            return MirrorNotFound(request->name());
          }
          *response = *found;
          return absl::OkStatus();
        },
        call.deadline);
  });
}

grpc::Status MirrorService::ListMirrors(grpc::ServerContext* context,
                                        const ListMirrorsRequest* request,
                                        ListMirrorsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    RETURN_IF_ERROR(CheckAgency(*catalogue_, call.caller, request->agency()));
    if (request->portal_status() < 0 || request->portal_status() > kLastStatus) {
      return MirrorInvalid("portal_status", "must be 1 to 10, or 0");
    }
    const std::string filters =
        absl::StrCat(call.caller.system(), "\n", request->agency(), "\n", request->portal_status());
    std::string after;
    if (!request->page_token().empty()) {
      ASSIGN_OR_RETURN(const std::vector<std::string> place,
                       aip::ParsePageToken(request->page_token(), 1, filters));
      after = place[0];
    }
    return db_->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          // One more than asked for tells whether there is another page.
          ASSIGN_OR_RETURN(
              std::vector<Mirror> found,
              ReadMirrors(tx, request->agency(), request->portal_status(), after, size + 1));
          if (static_cast<int>(found.size()) > size) {
            found.pop_back();
            response->set_next_page_token(aip::MakePageToken({found.back().code()}, filters));
          }
          for (Mirror& mirror : found) response->add_mirrors()->Swap(&mirror);
          return absl::OkStatus();
        },
        call.deadline);
  });
}

grpc::Status MirrorService::CountMirrors(grpc::ServerContext* context,
                                         const CountMirrorsRequest* request,
                                         CountMirrorsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    RETURN_IF_ERROR(CheckAgency(*catalogue_, call.caller, request->agency()));
    return db_->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(const auto counts, dossiers::CountMirrors(tx, request->agency()));
          for (const auto& [status, count] : counts) {
            if (count == 0) continue;
            auto& one = *response->add_counts();
            one.set_portal_status(status);
            one.set_count(count);
          }
          return absl::OkStatus();
        },
        call.deadline);
  });
}

}  // namespace lgsp::dossiers
