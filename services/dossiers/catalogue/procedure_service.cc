#include "services/dossiers/catalogue/procedure_service.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/dossiers/catalogue/catalogue_store.h"
#include "services/dossiers/errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::GetProcedureRequest;
using lgsp::dossiers::v1::ListProceduresRequest;
using lgsp::dossiers::v1::ListProceduresResponse;

grpc::Status ProcedureService::GetProcedure(grpc::ServerContext* context,
                                            const GetProcedureRequest* request,
                                            Procedure* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string code,
                     aip::ParseName("name", request->name(), kProcedureCollection));
    return db_->Read(
        [&](sql::Transaction& tx) -> absl::Status {
          ASSIGN_OR_RETURN(*response, LoadProcedure(tx, code, request->version()));
          return absl::OkStatus();
        },
        call.deadline);
  });
}

grpc::Status ProcedureService::ListProcedures(grpc::ServerContext* context,
                                              const ListProceduresRequest* request,
                                              ListProceduresResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext&) -> absl::Status {
    ASSIGN_OR_RETURN(const int size,
                     aip::PageSize(request->page_size(), kStandardPageSize, kLargestPageSize));
    if (request->query().size() > kMaxQueryBytes) return QueryTooLong();
    if (!Procedure::Scope_IsValid(request->scope())) return ScopeInvalid();
    const std::string filters = absl::StrCat(request->scope(), "\n", request->query());
    std::string after;
    if (!request->page_token().empty()) {
      ASSIGN_OR_RETURN(const std::vector<std::string> place,
                       aip::ParsePageToken(request->page_token(), 1, filters));
      after = place[0];
    }
    // One more than asked for tells whether there is another page.
    const std::vector<const Procedure*> found = catalogue_->Search(
        request->query(), request->scope(), after, static_cast<size_t>(size) + 1);
    size_t bytes = 0;
    for (const Procedure* procedure : found) {
      bytes += procedure->ByteSizeLong();
      const int before = response->procedures_size();
      if (before == size || (before > 0 && bytes > kMaxPageBytes)) {
        response->set_next_page_token(
            aip::MakePageToken({response->procedures(before - 1).code()}, filters));
        return absl::OkStatus();
      }
      *response->add_procedures() = *procedure;
    }
    return absl::OkStatus();
  });
}

}  // namespace lgsp::dossiers
