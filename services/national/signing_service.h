// lgsp.national.v1.Signing over gRPC.
#pragma once

#include "lgsp/national/v1/signing.grpc.pb.h"
#include "services/national/signing_client.h"

namespace lgsp::national {

class SigningService final : public v1::Signing::Service {
 public:
  // Null: no signing system is configured.
  explicit SigningService(SigningClient* client) : client_(client) {}

  grpc::Status SignDigest(grpc::ServerContext* context, const v1::SignDigestRequest* request,
                          v1::SignDigestResponse* response) override;
  grpc::Status GetRevocationLists(grpc::ServerContext* context,
                                  const v1::GetRevocationListsRequest* request,
                                  v1::GetRevocationListsResponse* response) override;

 private:
  SigningClient* const client_;
};

}  // namespace lgsp::national
