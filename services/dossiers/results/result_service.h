// gRPC adapter of results.
#pragma once

#include <functional>
#include <string>

#include "lgsp/dossiers/v1/results.grpc.pb.h"
#include "services/dossiers/part_commands.h"

namespace lgsp::dossiers {

class ResultService final : public lgsp::dossiers::v1::Results::Service {
 public:
  // `commands` outlives it. `can_sign`: whether signing authorities are trusted. `ordered` is
  // called when a signature may have been ordered.
  ResultService(const PartCommands* commands, bool can_sign, std::function<void()> ordered)
      : commands_(*commands), can_sign_(can_sign), ordered_(std::move(ordered)) {}

  grpc::Status SignResult(grpc::ServerContext* context,
                          const lgsp::dossiers::v1::SignResultRequest* request,
                          lgsp::dossiers::v1::Result* response) override;
  grpc::Status RevokeResult(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::RevokeResultRequest* request,
                            lgsp::dossiers::v1::Result* response) override;
  grpc::Status GetResult(grpc::ServerContext* context,
                         const lgsp::dossiers::v1::GetResultRequest* request,
                         lgsp::dossiers::v1::Result* response) override;
  grpc::Status ListResults(grpc::ServerContext* context,
                           const lgsp::dossiers::v1::ListResultsRequest* request,
                           lgsp::dossiers::v1::ListResultsResponse* response) override;
  grpc::Status VerifyResult(grpc::ServerContext* context,
                            const lgsp::dossiers::v1::VerifyResultRequest* request,
                            lgsp::dossiers::v1::VerifyResultResponse* response) override;

 private:
  absl::StatusOr<std::string> Sign(sql::Transaction& tx, const rpc::CallContext& call,
                                   const lgsp::dossiers::v1::SignResultRequest& request,
                                   const LoadedDossier& loaded, absl::Time now) const;
  absl::StatusOr<std::string> Revoke(sql::Transaction& tx, const rpc::CallContext& call,
                                     const lgsp::dossiers::v1::RevokeResultRequest& request,
                                     const std::string& name, const LoadedDossier& loaded,
                                     absl::Time now) const;
  absl::Status Verify(sql::Transaction& tx, const std::string& code,
                      lgsp::dossiers::v1::VerifyResultResponse& response) const;

  const PartCommands& commands_;
  const bool can_sign_;
  const std::function<void()> ordered_;
};

}  // namespace lgsp::dossiers
