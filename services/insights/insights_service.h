// gRPC adapter of insights.
#pragma once

#include "lgsp/insights/v1/insights.grpc.pb.h"
#include "libs/sql/sql.h"

namespace lgsp::insights {

class InsightsService final : public lgsp::insights::v1::Insights::Service {
 public:
  explicit InsightsService(sql::Database* db) : db_(db) {}

  grpc::Status ListDossierCounts(grpc::ServerContext* context,
                                 const lgsp::insights::v1::ListDossierCountsRequest* request,
                                 lgsp::insights::v1::ListDossierCountsResponse* response) override;

 private:
  sql::Database* const db_;
};

}  // namespace lgsp::insights
