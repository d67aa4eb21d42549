// gRPC adapter of the copies of central systems' dossiers.
#pragma once

#include "lgsp/dossiers/v1/mirrors.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"

namespace lgsp::dossiers {

class MirrorService final : public lgsp::dossiers::v1::Mirrors::Service {
 public:
  // All outlive it.
  MirrorService(sql::Database* db, const Catalogue* catalogue, const Clock* clock)
      : db_(db), catalogue_(catalogue), clock_(clock) {}

  grpc::Status PutMirror(grpc::ServerContext* context,
                         const lgsp::dossiers::v1::PutMirrorRequest* request,
                         lgsp::dossiers::v1::Mirror* response) override;
  grpc::Status GetMirror(grpc::ServerContext* context,
                         const lgsp::dossiers::v1::GetMirrorRequest* request,
                         lgsp::dossiers::v1::Mirror* response) override;
  grpc::Status ListMirrors(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::ListMirrorsRequest* request,
                           lgsp::dossiers::v1::ListMirrorsResponse* response) override;
  grpc::Status CountMirrors(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::CountMirrorsRequest* request,
                            lgsp::dossiers::v1::CountMirrorsResponse* response) override;

 private:
  sql::Database* const db_;
  const Catalogue* const catalogue_;
  const Clock* const clock_;
};

}  // namespace lgsp::dossiers
