#include "services/national/signing_service.h"

#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/national/errors.h"

namespace lgsp::national {

grpc::Status SigningService::SignDigest(grpc::ServerContext* context,
                                        const v1::SignDigestRequest* request,
                                        v1::SignDigestResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    if (client_ == nullptr) return SigningNotConfigured();
    if (call.caller.dossier().empty()) return CallerDossierMissing();
    ASSIGN_OR_RETURN(*response->mutable_cms(), client_->Sign(*request, call.deadline));
    return absl::OkStatus();
  });
}

grpc::Status SigningService::GetRevocationLists(grpc::ServerContext* context,
                                                const v1::GetRevocationListsRequest*,
                                                v1::GetRevocationListsResponse* response) {
  return rpc::Unary(context, [&](const rpc::CallContext& call) -> absl::Status {
    if (client_ == nullptr) return SigningNotConfigured();
    ASSIGN_OR_RETURN(std::vector<std::string> lists, client_->RevocationLists(call.deadline));
    for (std::string& list : lists) response->add_crls(std::move(list));
    return absl::OkStatus();
  });
}

}  // namespace lgsp::national
