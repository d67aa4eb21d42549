#include "libs/rpc/call_slots.h"

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "libs/rpc/server.h"

namespace lgsp::rpc {
namespace {

using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

class CallSlots {
 public:
  bool Take(const grpc::ServerContextBase* context, const std::string& caller) {
    absl::MutexLock lock(&mutex_);
    if (calls_.size() >= kMaxCalls) return false;
    int& of_caller = of_callers_[caller];
    if (of_caller >= kMaxCallsPerCaller) return false;
    ++of_caller;
    calls_[context] = caller;
    return true;
  }

  void Release(const grpc::ServerContextBase* context) {
    absl::MutexLock lock(&mutex_);
    const auto call = calls_.find(context);
    if (call == calls_.end()) return;
    const auto of_caller = of_callers_.find(call->second);
    if (--of_caller->second == 0) of_callers_.erase(of_caller);
    calls_.erase(call);
  }

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<const grpc::ServerContextBase*, std::string> calls_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int> of_callers_ ABSL_GUARDED_BY(mutex_);
};

CallSlots& Slots() {
  static CallSlots& slots = *new CallSlots;
  return slots;
}

// gRPC destroys it with the call.
class Releaser final : public Interceptor {
 public:
  Releaser(const grpc::ServerContextBase* context, metrics::Gauge under_way)
      : context_(context), under_way_(under_way) {
    under_way_.Add(1);
  }
  ~Releaser() override {
    Slots().Release(context_);
    under_way_.Add(-1);
  }
  void Intercept(InterceptorBatchMethods* methods) override { methods->Proceed(); }

 private:
  const grpc::ServerContextBase* const context_;
  metrics::Gauge under_way_;
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(metrics::Registry* registry)
      : under_way_(registry->GetGauge("rpc_calls_under_way",
                                      "Calls whose answers are not written to their end.")) {}
  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new Releaser(info->server_context(), under_way_);
  }

 private:
  const metrics::Gauge under_way_;
};

}  // namespace

bool TakeCallSlot(const grpc::ServerContextBase* context, const std::string& caller) {
  return Slots().Take(context, caller);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallSlotReleaser(
    metrics::Registry* registry) {
  return std::make_unique<Factory>(registry);
}

}  // namespace lgsp::rpc
