#include "libs/rpc/red_metrics.h"

#include <chrono>

#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"

namespace lgsp::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

class Recorder final : public Interceptor {
 public:
  explicit Recorder(MethodMetrics* metrics)
      : metrics_(metrics), begin_(std::chrono::steady_clock::now()) {
    metrics_->started.Add();
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const auto code = static_cast<size_t>(methods->GetSendStatus().error_code());
      metrics_->handled[code <= 16 ? code : 2].Add();
      metrics_->seconds.Observe(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count());
    }
    methods->Proceed();
  }

 private:
  MethodMetrics* const metrics_;
  const std::chrono::steady_clock::time_point begin_;
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Factory(metrics::Registry* registry, const std::vector<std::string>& methods) {
    for (const std::string& path : methods) {
      const size_t slash = path.rfind('/');
      const std::string service = path.substr(1, slash - 1);
      const std::string method = path.substr(slash + 1);
      MethodMetrics& of = metrics_[path];
      of.started = registry->GetCounter("grpc_server_started_total", "RPCs begun on the server.",
                                        {{"grpc_service", service}, {"grpc_method", method}});
      for (int code = 0; code <= 16; ++code) {
        const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
        of.handled[code] = registry->GetCounter(
            "grpc_server_handled_total", "RPCs ended on the server, by status.",
            {{"grpc_service", service}, {"grpc_method", method}, {"grpc_code", name}});
      }
      of.seconds = registry->GetHistogram("grpc_server_handling_seconds",
                                          "Time from the begin of an RPC to its status.",
                                          {{"grpc_service", service}, {"grpc_method", method}});
    }
  }

  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    const auto it = metrics_.find(info->method());
    return it == metrics_.end() ? nullptr : new Recorder(&it->second);
  }

 private:
  absl::node_hash_map<std::string, MethodMetrics> metrics_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRedMetrics(
    metrics::Registry* registry, const std::vector<std::string>& methods) {
  return std::make_unique<Factory>(registry, methods);
}

}  // namespace lgsp::rpc
