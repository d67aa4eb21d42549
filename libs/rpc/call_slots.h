// The places of calls that are under way. Private to libs/rpc.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>

#include "libs/metrics/metrics.h"

namespace lgsp::rpc {

// Takes a place for the call of `context`, one of `caller`'s: false beyond kMaxCalls or
// kMaxCallsPerCaller. It is held until gRPC has written the answer and forgets the call, as the
// thread is: a caller who does not read holds it long after the handler returned.
bool TakeCallSlot(const grpc::ServerContextBase* context, const std::string& caller);

// Gives the places back, and shows as `rpc_calls_under_way` how many calls gRPC has not forgotten.
// Every server whose handlers take places needs it.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallSlotReleaser(
    metrics::Registry* registry);

}  // namespace lgsp::rpc
