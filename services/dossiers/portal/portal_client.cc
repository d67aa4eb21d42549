#include "services/dossiers/portal/portal_client.h"

#include "lgsp/national/v1/portal.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/dossiers/portal/portal_sync.h"

namespace lgsp::dossiers {
namespace {

using lgsp::national::v1::CompareDossierResponse;
using lgsp::national::v1::Portal;
using lgsp::national::v1::SyncDossierRequest;

// The purpose of the agreement in deploy/catalog.
constexpr char kPurpose[] = "portal-sync";

void Address(grpc::ClientContext& context, const std::string& dossier, absl::Time deadline) {
  context.set_deadline(absl::ToChronoTime(deadline));
  context.AddMetadata(auth::kPurposeHeader, kPurpose);
  context.AddMetadata(auth::kDossierHeader, dossier);
}

}  // namespace

absl::Status CallPortal(const std::shared_ptr<grpc::Channel>& gateway, const durable::Call& call,
                        absl::Time deadline) {
  SyncDossierRequest request;
  if (!request.ParseFromString(call.request)) {
    return MakeError(absl::StatusCode::kDataLoss, "CALL_UNREADABLE", "the stored call is damaged");
  }
  grpc::ClientContext context;
  Address(context, call.subject, deadline);
  lgsp::national::v1::SyncDossierResponse response;
  return rpc::FromGrpcStatus(Portal::NewStub(gateway)->SyncDossier(&context, request, &response));
}

absl::StatusOr<CompareDossierResponse> ComparePortal(const std::shared_ptr<grpc::Channel>& gateway,
                                                     const std::string& dossier,
                                                     const SyncDossierRequest& wanted,
                                                     absl::Time deadline) {
  lgsp::national::v1::CompareDossierRequest request;
  *request.mutable_wanted() = wanted;
  grpc::ClientContext context;
  Address(context, dossier, deadline);
  CompareDossierResponse response;
  RETURN_IF_ERROR(
      rpc::FromGrpcStatus(Portal::NewStub(gateway)->CompareDossier(&context, request, &response)));
  return response;
}

std::unique_ptr<durable::CallWorker> MakePortalWorker(sql::Database* db,
                                                      const durable::SubjectKeys* subject_keys,
                                                      const Clock* clock,
                                                      metrics::Registry* metrics,
                                                      std::shared_ptr<grpc::Channel> gateway) {
  return std::make_unique<durable::CallWorker>(
      db, subject_keys, clock, metrics, PortalSyncOptions(),
      [gateway = std::move(gateway)](const durable::Call& call, absl::Time deadline) {
        return CallPortal(gateway, call, deadline);
      },
      [clock](sql::Transaction& tx, const durable::Call& call, const durable::Outcome& outcome) {
        return RecordPortalSync(tx, call, outcome, clock->CivilNow());
      });
}

}  // namespace lgsp::dossiers
