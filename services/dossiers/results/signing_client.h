// Calls of dossiers to lgsp.national.v1.Signing through the gateway.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/national/v1/signing.pb.h"

namespace lgsp::dossiers {

// Thread-safe. The errors are those of signing.proto and of the gateway.
class SigningClient {
 public:
  explicit SigningClient(std::shared_ptr<grpc::Channel> gateway) : gateway_(std::move(gateway)) {}

  // The CMS, in the course of `dossier`.
  absl::StatusOr<std::string> SignDigest(const lgsp::national::v1::SignDigestRequest& request,
                                         const std::string& dossier, absl::Time deadline) const;
  absl::StatusOr<std::vector<std::string>> GetRevocationLists(absl::Time deadline) const;

 private:
  const std::shared_ptr<grpc::Channel> gateway_;
};

}  // namespace lgsp::dossiers
