// gRPC adapter of the catalogue: it is in memory, and public but for who may call.
#pragma once

#include "lgsp/dossiers/v1/procedures.grpc.pb.h"
#include "services/dossiers/catalogue.h"

namespace lgsp::dossiers {

class ProcedureService final : public lgsp::dossiers::v1::Procedures::Service {
 public:
  // `catalogue` outlives it.
  explicit ProcedureService(const Catalogue* catalogue) : catalogue_(catalogue) {}

  grpc::Status GetProcedure(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::GetProcedureRequest* request,
                            lgsp::dossiers::v1::Procedure* response) override;
  grpc::Status ListProcedures(grpc::ServerContext* context,
                              const lgsp::dossiers::v1::ListProceduresRequest* request,
                              lgsp::dossiers::v1::ListProceduresResponse* response) override;

 private:
  const Catalogue* const catalogue_;
};

}  // namespace lgsp::dossiers
