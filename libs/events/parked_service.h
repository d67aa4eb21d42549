// gRPC adapter of parked keys (lgsp.events.v1.Parked), and their metrics. Every service that
// consumes serves one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lgsp/events/v1/parked.grpc.pb.h"
#include "libs/clock/clock.h"
#include "libs/durable/periodic_job.h"
#include "libs/events/consumer.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/server.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// How often the metrics of parked keys are counted anew.
inline constexpr absl::Duration kParkedMetricsInterval = absl::Seconds(2);

// One command of an operator, as it is kept for audit.
struct ParkedCommand {
  std::string id;
  std::string consumer, key, action, operator_id;
};

// Metrics, per consumer: events_parked_keys, events_parked_waiting, events_parked_age_seconds (of
// the oldest key).
class ParkedService final : public lgsp::events::v1::Parked::Service {
 public:
  // `handlers`: the consumers of this service, by name.
  ParkedService(sql::Database* db, const Clock* clock, metrics::Registry* metrics,
                std::map<std::string, Handler> handlers);

  grpc::Status ListParkedKeys(grpc::ServerContext* context,
                              const lgsp::events::v1::ListParkedKeysRequest* request,
                              lgsp::events::v1::ListParkedKeysResponse* response) override;
  grpc::Status ListParkedEvents(grpc::ServerContext* context,
                                const lgsp::events::v1::ListParkedEventsRequest* request,
                                lgsp::events::v1::ListParkedEventsResponse* response) override;
  grpc::Status ReplayParkedKey(grpc::ServerContext* context,
                               const lgsp::events::v1::ReplayParkedKeyRequest* request,
                               lgsp::events::v1::ReplayParkedKeyResponse* response) override;
  grpc::Status DiscardParkedKey(grpc::ServerContext* context,
                                const lgsp::events::v1::DiscardParkedKeyRequest* request,
                                lgsp::events::v1::DiscardParkedKeyResponse* response) override;

 private:
  struct Gauges {
    metrics::Gauge keys, waiting, age_seconds;
  };
  // NOT_FOUND CONSUMER_UNKNOWN.
  absl::StatusOr<const Handler*> HandlerOf(const std::string& consumer) const;
  absl::Status CountForMetrics();
  absl::Status Replay(const rpc::CallContext& call,
                      const lgsp::events::v1::ReplayParkedKeyRequest& request,
                      lgsp::events::v1::ReplayParkedKeyResponse& response);
  // That the first event of the key failed again.
  absl::Status KeepFailure(const rpc::CallContext& call, const ParkedCommand& command,
                           const absl::Status& failure);
  absl::Status Discard(const rpc::CallContext& call,
                       const lgsp::events::v1::DiscardParkedKeyRequest& request,
                       lgsp::events::v1::DiscardParkedKeyResponse& response);

  sql::Database* const db_;
  const Clock* const clock_;
  const std::map<std::string, Handler> handlers_;
  std::map<std::string, Gauges> gauges_;
  // Last: it uses the others.
  const durable::PeriodicJob counting_;
};

}  // namespace lgsp::events
