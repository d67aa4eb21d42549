// lgsp.national.v1.Portal over gRPC.
#pragma once

#include <string>

#include "lgsp/national/v1/portal.grpc.pb.h"
#include "services/national/portal_sync.h"

namespace lgsp::national {

class PortalService final : public v1::Portal::Service {
 public:
  // `agency` is our `madonvi`.
  PortalService(PortalSync* sync, absl::string_view agency) : sync_(sync), agency_(agency) {}

  grpc::Status SyncDossier(grpc::ServerContext* context, const v1::SyncDossierRequest* request,
                           v1::SyncDossierResponse* response) override;
  grpc::Status CompareDossier(grpc::ServerContext* context,
                              const v1::CompareDossierRequest* request,
                              v1::CompareDossierResponse* response) override;

 private:
  PortalSync* const sync_;
  const std::string agency_;
};

}  // namespace lgsp::national
