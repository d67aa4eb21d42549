// Rate, errors and duration of every method of a server, under the names of go-grpc-middleware.
// Private to libs/rpc.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>
#include <vector>

#include "libs/metrics/metrics.h"

namespace lgsp::rpc {

// One method's metrics.
struct MethodMetrics {
  metrics::Counter started;
  metrics::Counter handled[17];  // by status code
  metrics::Histogram seconds;
};

// `methods`: full paths `/lgsp.x.v1.X/Method`; others are not counted, gRPC answers them
// UNIMPLEMENTED itself.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRedMetrics(
    metrics::Registry* registry, const std::vector<std::string>& methods);

}  // namespace lgsp::rpc
