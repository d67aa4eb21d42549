// What dossiers asks of lgsp.national.v1.Portal, through the gateway.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/national/v1/portal.pb.h"
#include "libs/durable/calls.h"

namespace lgsp::dossiers {

// Makes the call that OrderPortalSync stored. The errors are those of SyncDossier and of the
// gateway.
absl::Status CallPortal(const std::shared_ptr<grpc::Channel>& gateway, const durable::Call& call,
                        absl::Time deadline);

// Asks what the portal has otherwise than `wanted`; nothing is written. The errors are those of
// CompareDossier and of the gateway.
absl::StatusOr<lgsp::national::v1::CompareDossierResponse> ComparePortal(
    const std::shared_ptr<grpc::Channel>& gateway, const std::string& dossier,
    const lgsp::national::v1::SyncDossierRequest& wanted, absl::Time deadline);

// Makes these calls and records their outcomes; everything given outlives it.
std::unique_ptr<durable::CallWorker> MakePortalWorker(sql::Database* db,
                                                      const durable::SubjectKeys* subject_keys,
                                                      const Clock* clock,
                                                      metrics::Registry* metrics,
                                                      std::shared_ptr<grpc::Channel> gateway);

}  // namespace lgsp::dossiers
