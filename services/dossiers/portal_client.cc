#include "services/dossiers/portal_client.h"

#include "lgsp/national/v1/portal.grpc.pb.h"
#include "libs/auth/auth.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"
#include "services/dossiers/portal_sync.h"

namespace lgsp::dossiers {
namespace {

// The purpose of the agreement in deploy/catalog.
constexpr char kPurpose[] = "portal-sync";

}  // namespace

absl::Status CallPortal(const std::shared_ptr<grpc::Channel>& gateway, const durable::Call& call,
                        absl::Time deadline) {
  lgsp::national::v1::SyncDossierRequest request;
  if (!request.ParseFromString(call.request)) {
    return MakeError(absl::StatusCode::kDataLoss, "CALL_UNREADABLE", "the stored call is damaged");
  }
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  context.AddMetadata(auth::kPurposeHeader, kPurpose);
  context.AddMetadata(auth::kDossierHeader, call.subject);
  lgsp::national::v1::SyncDossierResponse response;
  return rpc::FromGrpcStatus(
      lgsp::national::v1::Portal::NewStub(gateway)->SyncDossier(&context, request, &response));
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
