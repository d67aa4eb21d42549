#include "services/dossiers/results/signing_client.h"

#include "lgsp/national/v1/signing.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::dossiers {
namespace {

using lgsp::national::v1::GetRevocationListsRequest;
using lgsp::national::v1::GetRevocationListsResponse;
using lgsp::national::v1::SignDigestRequest;
using lgsp::national::v1::SignDigestResponse;
using lgsp::national::v1::Signing;

// The purpose of the agreement in deploy/catalog.
constexpr char kPurpose[] = "result-signing";

}  // namespace

absl::StatusOr<std::string> SigningClient::SignDigest(const SignDigestRequest& request,
                                                      const std::string& dossier,
                                                      absl::Time deadline) const {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  context.AddMetadata(auth::kPurposeHeader, kPurpose);
  context.AddMetadata(auth::kDossierHeader, dossier);
  SignDigestResponse response;
  RETURN_IF_ERROR(
      rpc::FromGrpcStatus(Signing::NewStub(gateway_)->SignDigest(&context, request, &response)));
  return std::move(*response.mutable_cms());
}

absl::StatusOr<std::vector<std::string>> SigningClient::GetRevocationLists(
    absl::Time deadline) const {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  context.AddMetadata(auth::kPurposeHeader, kPurpose);
  GetRevocationListsResponse response;
  RETURN_IF_ERROR(rpc::FromGrpcStatus(Signing::NewStub(gateway_)->GetRevocationLists(
      &context, GetRevocationListsRequest(), &response)));
  return std::vector<std::string>(response.crls().begin(), response.crls().end());
}

}  // namespace lgsp::dossiers
