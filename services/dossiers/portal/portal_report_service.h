// gRPC adapter of the report on the portal's copies (lgsp.dossiers.v1.PortalReports).
#pragma once

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "lgsp/dossiers/v1/portal_reports.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/rpc/server.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/dossier_store.h"
#include "services/dossiers/portal/portal_comparison.h"

namespace lgsp::dossiers {

class PortalReportService final : public v1::PortalReports::Service {
 public:
  // All outlive it. `committed` is called when the portal is to be told of something.
  struct Parts {
    sql::Database* db;
    const Catalogue* catalogue;
    const DossierStore* store;
    const Clock* clock;
    PortalComparison::Ask ask;
    std::function<void()> committed;
  };
  explicit PortalReportService(Parts parts)
      : parts_(std::move(parts)),
        comparison_(parts_.db, parts_.catalogue, parts_.store, parts_.clock, parts_.ask) {}

  grpc::Status CompareWithPortal(grpc::ServerContext* context,
                                 const v1::CompareWithPortalRequest* request,
                                 v1::CompareWithPortalResponse* response) override;
  grpc::Status RepairPortalCopy(grpc::ServerContext* context,
                                const v1::RepairPortalCopyRequest* request,
                                v1::RepairPortalCopyResponse* response) override;

 private:
  absl::Status ComparePage(const rpc::CallContext& call,
                           const v1::CompareWithPortalRequest& request,
                           v1::CompareWithPortalResponse& response);
  absl::Status CompareOne(const rpc::CallContext& call, const std::string& name,
                          v1::CompareWithPortalResponse& response);
  absl::Status Repair(const rpc::CallContext& call, const v1::RepairPortalCopyRequest& request,
                      v1::RepairPortalCopyResponse& response);
  // One page at a time: an operator in a hurry is no load for the portal.
  absl::Status AwaitTurn(absl::Time deadline);
  void EndTurn();

  const Parts parts_;
  const PortalComparison comparison_;
  absl::Mutex mutex_;
  bool comparing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lgsp::dossiers
