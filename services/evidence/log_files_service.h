// gRPC adapter: the files of the mirrored logs, for mirrors on other machines.
#pragma once

#include "lgsp/evidence/v1/evidence.grpc.pb.h"
#include "services/evidence/mirror.h"

namespace lgsp::evidence {

class LogFilesService final : public lgsp::evidence::v1::LogFiles::Service {
 public:
  // Outlive it.
  explicit LogFilesService(const Mirrors* mirrors) : mirrors_(mirrors) {}

  grpc::Status GetCheckpoint(grpc::ServerContext* context,
                             const lgsp::evidence::v1::GetCheckpointRequest* request,
                             lgsp::evidence::v1::GetCheckpointResponse* response) override;
  grpc::Status ReadFile(grpc::ServerContext* context,
                        const lgsp::evidence::v1::ReadFileRequest* request,
                        lgsp::evidence::v1::ReadFileResponse* response) override;

 private:
  const Mirrors* const mirrors_;
};

}  // namespace lgsp::evidence
