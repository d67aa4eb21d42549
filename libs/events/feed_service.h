// The feed of a service as a gRPC stream (lgsp.events.v1.Feed).
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "lgsp/events/v1/feed.grpc.pb.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// Streams the feed to any number of followers from one thread of its own.
class FeedService final : public lgsp::events::v1::Feed::CallbackService {
 public:
  // `source`: Event.source, `//dossiers.lgsp`. The epoch must have been made (EnsureEpoch).
  FeedService(sql::Database* db, std::string source, metrics::Registry* metrics);
  ~FeedService() override;

  // Says that events may have been committed.
  void Notify();

  // Ends all streams; call before the server drains, which waits for them.
  void Stop();

  grpc::ServerWriteReactor<lgsp::events::v1::FollowResponse>* Follow(
      grpc::CallbackServerContext* context,
      const lgsp::events::v1::FollowRequest* request) override;

 private:
  class Stream;

  absl::Status CheckPosition(const lgsp::events::v1::FollowRequest& request,
                             lgsp::events::v1::Position* after);
  void Pump();

  sql::Database* const db_;
  const std::string source_;
  metrics::Gauge followers_;
  metrics::Counter sent_;

  absl::Mutex mutex_;
  std::vector<std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread pump_;
};

}  // namespace lgsp::events
