// gRPC adapter of the catalogue: lists are answered from memory, one procedure from the database.
#pragma once

#include "lgsp/dossiers/v1/procedures.grpc.pb.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"

namespace lgsp::dossiers {

class ProcedureService final : public lgsp::dossiers::v1::Procedures::Service {
 public:
  // Both outlive it.
  ProcedureService(sql::Database* db, const Catalogue* catalogue)
      : db_(db), catalogue_(catalogue) {}

  grpc::Status GetProcedure(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::GetProcedureRequest* request,
                            lgsp::dossiers::v1::Procedure* response) override;
  grpc::Status ListProcedures(grpc::ServerContext* context,
                              const lgsp::dossiers::v1::ListProceduresRequest* request,
                              lgsp::dossiers::v1::ListProceduresResponse* response) override;

 private:
  sql::Database* const db_;
  const Catalogue* const catalogue_;
};

}  // namespace lgsp::dossiers
