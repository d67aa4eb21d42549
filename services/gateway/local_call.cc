#include "services/gateway/local_call.h"

#include "absl/strings/match.h"
#include "grpc/health/v1/health.pb.h"
#include "libs/status/status.h"
#include "services/gateway/reflection.h"

namespace lgsp::gateway {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kHealthPrefix[] = "/grpc.health.v1.Health/";
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kReflection[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
constexpr char kReflectionAlpha[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

class HealthCall final : public LocalCall {
 public:
  HealthCall(std::shared_ptr<const Policy> policy, const SystemEntry* system, bool serving)
      : policy_(std::move(policy)), system_(system), serving_(serving) {}

  bool is_unary() const override { return true; }
  absl::StatusOr<std::string> Answer(absl::string_view message) override {
    HealthCheckRequest request;
    if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
      return MakeError(absl::StatusCode::kInvalidArgument, "MESSAGE_INVALID",
                       "not a HealthCheckRequest");
    }
    const bool known = request.service().empty() || IsService(request.service());
    if (!known) {
      return MakeError(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN", "no such service");
    }
    HealthCheckResponse response;
    response.set_status(serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING);
    return response.SerializeAsString();
  }

 private:
  // Only what the system has an agreement for: existence is not told.
  bool IsService(const std::string& name) const {
    for (const auto& [path, grants] : system_->grants) {
      if (grants.front().agreement->service() == name) return true;
    }
    return false;
  }

  const std::shared_ptr<const Policy> policy_;
  const SystemEntry* const system_;
  const bool serving_;
};

class ReflectionCall final : public LocalCall {
 public:
  ReflectionCall(std::shared_ptr<const Policy> policy, const SystemEntry* system)
      : policy_(std::move(policy)), reflection_(policy_.get(), system) {}
  bool is_unary() const override { return false; }
  absl::StatusOr<std::string> Answer(absl::string_view message) override {
    return reflection_.Answer(message);
  }

 private:
  const std::shared_ptr<const Policy> policy_;
  const Reflection reflection_;
};

}  // namespace

bool IsLocal(absl::string_view path) {
  return absl::StartsWith(path, kHealthPrefix) || path == kReflection || path == kReflectionAlpha;
}

std::unique_ptr<LocalCall> MakeLocalCall(absl::string_view path,
                                         std::shared_ptr<const Policy> policy,
                                         const SystemEntry* system, bool serving) {
  if (path == kHealthCheck) return std::make_unique<HealthCall>(std::move(policy), system, serving);
  if (path == kReflection || path == kReflectionAlpha) {
    return std::make_unique<ReflectionCall>(std::move(policy), system);
  }
  return nullptr;
}

}  // namespace lgsp::gateway
