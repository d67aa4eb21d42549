#include "tools/lgsp/readiness.h"

#include <arpa/inet.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.pb.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kCheckMethod[] = "/grpc.health.v1.Health/Check";

// Whose certificate is shown to `process`.
absl::string_view ProberFor(const Process& process) {
  return process.name() == "gateway" ? "dossiers" : "operator";
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const DataFolder& folder,
                                                       const Process& process) {
  const absl::string_view prober = ProberFor(process);
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, config::ReadFile(folder.AuthorityCertificate()));
  ASSIGN_OR_RETURN(options.pem_cert_chain, config::ReadFile(folder.ServiceCertificate(prober)));
  ASSIGN_OR_RETURN(options.pem_private_key, config::ReadSecret(folder.ServiceKey(prober)));
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(absl::StrCat(process.name(), ".lgsp"));
  // The next question gets a connection of its own, whatever became of this one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(process.address(), grpc::SslCredentials(options), arguments);
}

bool IsServing(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kProbeLimit));
  const HealthCheckRequest request;
  HealthCheckResponse response;
  grpc::Status status;
  absl::Notification done;
  stub.UnaryCall(&context, kCheckMethod, grpc::StubOptions(), &request, &response,
                 [&](grpc::Status answer) {
                   status = std::move(answer);
                   done.Notify();
                 });
  done.WaitForNotification();
  return status.ok() && response.status() == HealthCheckResponse::SERVING;
}

}  // namespace

bool IsListening(const std::string& address) {
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(PortOf(address)));
  if (inet_pton(AF_INET, address.substr(0, address.rfind(':')).c_str(), &to.sin_addr) != 1)
    return false;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool open = connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  if (!open && errno == EINPROGRESS) {
    pollfd connected = {fd, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof(error);
    open = poll(&connected, 1, static_cast<int>(absl::ToInt64Milliseconds(kConnectLimit))) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }
  close(fd);
  return open;
}

bool IsReady(const DataFolder& folder, const Process& process) {
  // Refused connections are told at once here; gRPC would back off.
  if (!IsListening(process.address())) return false;
  if (IsSimulator(process.name())) return true;
  const auto channel = Connect(folder, process);
  return channel.ok() && IsServing(*channel);
}

}  // namespace lgsp::cli
