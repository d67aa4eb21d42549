#include "services/national/portal_service.h"

#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/national/errors.h"

namespace lgsp::national {

grpc::Status PortalService::SyncDossier(grpc::ServerContext* context,
                                        const v1::SyncDossierRequest* request,
                                        v1::SyncDossierResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    if (call.caller.dossier().empty()) return CallerDossierMissing();
    ASSIGN_OR_RETURN(const PortalDossier desired, ToPortal(*request, agency_));
    ASSIGN_OR_RETURN(*response, sync_->Sync(desired, call.deadline));
    return absl::OkStatus();
  });
}

grpc::Status PortalService::CompareDossier(grpc::ServerContext* context,
                                           const v1::CompareDossierRequest* request,
                                           v1::CompareDossierResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    if (call.caller.dossier().empty()) return CallerDossierMissing();
    ASSIGN_OR_RETURN(const PortalDossier desired, ToPortal(request->wanted(), agency_));
    ASSIGN_OR_RETURN(*response, sync_->Compare(desired, call.deadline));
    return absl::OkStatus();
  });
}

}  // namespace lgsp::national
