// A log as another evidence service has it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "lgsp/evidence/v1/evidence.grpc.pb.h"
#include "services/evidence/log_source.h"

namespace lgsp::evidence {

class PeerSource final : public LogSource {
 public:
  PeerSource(std::string origin, std::shared_ptr<grpc::Channel> channel)
      : origin_(std::move(origin)),
        channel_(std::move(channel)),
        stub_(lgsp::evidence::v1::LogFiles::NewStub(channel_)) {}

  absl::StatusOr<std::string> Checkpoint() override;
  absl::StatusOr<std::string> Read(absl::string_view path) override;

 private:
  const std::string origin_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<lgsp::evidence::v1::LogFiles::Stub> stub_;
};

}  // namespace lgsp::evidence
