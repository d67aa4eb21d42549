// A gRPC server of the platform: mutual TLS, call rules, caller, health, metrics, drain. All
// services use this one.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lgsp/auth/v1/caller.pb.h"
#include "libs/clock/clock.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/config.pb.h"

namespace lgsp::rpc {

// No message is larger; RESOURCE_EXHAUSTED beyond it.
inline constexpr int kMaxMessageBytes = 4 << 20;
// Unary calls handled at once, until their answers are written, and of them those of one caller, so
// that one that floods, or does not read, does not starve the others. Beyond: RESOURCE_EXHAUSTED
// SERVER_OVERLOADED, with RetryInfo.
inline constexpr int kMaxCalls = 512;
inline constexpr int kMaxCallsPerCaller = 256;
inline constexpr absl::Duration kOverloadRetryDelay = absl::Milliseconds(200);
// A call without a deadline gets this one.
inline constexpr absl::Duration kDefaultDeadline = absl::Seconds(30);

// What a handler needs to know of its call.
struct CallContext {
  // Who calls. For a direct call between platform services without `lgsp-caller`: only `system` is
  // set, to `services/<name>`.
  lgsp::auth::v1::Caller caller;
  absl::Time deadline;
  std::string traceparent;
};

// A service and its full name, `lgsp.dossiers.v1.Dossiers`.
struct NamedService {
  std::string name;
  grpc::Service* service;
};

class Server {
 public:
  // Reads keys and rules, begins to serve `services`. `base` is the folder relative paths in
  // `config` are beneath. UNAVAILABLE LISTEN_FAILED, and those of config::Load.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const RpcConfig& config,
                                                       absl::string_view base,
                                                       const std::vector<NamedService>& services,
                                                       metrics::Registry* metrics,
                                                       const Clock* clock);
  ~Server();

  int port() const;

  // Health says NOT_SERVING, calls under way may end until `grace` has passed, the rest is
  // cancelled. A stream is a call, also one of those that watch health.
  void Drain(absl::Duration grace);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The ONE conversion between absl::Status and grpc::Status; details travel in
// grpc-status-details-bin.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

// Runs a unary handler: tells it who calls, refuses what is past its deadline (DEADLINE_EXCEEDED
// DEADLINE_PASSED), converts the status. Only for services started by Server, which has verified
// mTLS name, call rule and `lgsp-caller` before any handler runs.
grpc::Status Unary(grpc::ServerContext* context,
                   absl::FunctionRef<absl::Status(const CallContext&)> handler);

// Who calls, for handlers that are not unary. As in Unary, only under Server.
CallContext ContextOf(const grpc::ServerContextBase& context);

// What main of every service does: names the log, blocks the signals before any thread begins, runs
// `serve` with the configuration file, reports its failure. Returns the exit code.
int RunService(absl::string_view name, const std::string& config_file,
               absl::FunctionRef<absl::Status(const std::string& config_file)> serve);

// Blocks until SIGTERM or SIGINT; under RunService only.
void WaitForSignal();

}  // namespace lgsp::rpc
