// The feed of a service as a gRPC stream (lgsp.events.v1.Feed).
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lgsp/events/v1/feed.grpc.pb.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// Open streams of one feed; one more is RESOURCE_EXHAUSTED FEED_TOO_MANY_FOLLOWERS.
inline constexpr size_t kMaxFollowers = 64;

struct FeedOptions {
  // How often the feed is looked at when nobody says Notify.
  absl::Duration poll_interval = absl::Milliseconds(500);
  // How long a stream is silent before it says that it lives.
  absl::Duration heartbeat = absl::Seconds(5);
  // How long a follower may take nothing of what is sent before its place is given to others.
  absl::Duration longest_stall = absl::Seconds(60);
};

// Streams the feed to its followers from one thread of its own. A service of the platform that
// calls directly sees every event; a system behind the gateway those that concern its agencies.
class FeedService final : public lgsp::events::v1::Feed::CallbackService {
 public:
  // `source`: Event.source, `//dossiers.lgsp`. The epoch must have been made (EnsureEpoch). Must
  // outlive the server, as every gRPC service.
  FeedService(sql::Database* db, std::string source, metrics::Registry* metrics,
              FeedOptions options = {});
  ~FeedService() override;

  // Says that events may have been committed.
  void Notify();

  // Ends all streams and refuses new ones (UNAVAILABLE SERVER_DRAINING); call before the server
  // drains, which waits for them.
  void Stop();

  grpc::ServerWriteReactor<lgsp::events::v1::FollowResponse>* Follow(
      grpc::CallbackServerContext* context,
      const lgsp::events::v1::FollowRequest* request) override;

  // Rare enough to wait for the database on a thread of gRPC.
  grpc::ServerUnaryReactor* RaiseEpoch(grpc::CallbackServerContext* context,
                                       const lgsp::events::v1::RaiseEpochRequest* request,
                                       lgsp::events::v1::RaiseEpochResponse* response) override;

 private:
  class Stream;

  void Pump();
  // Gives `stream` the next events; says whether to go on with it at once.
  bool Serve(Stream& stream);
  // What comes after `after`, which gets its epoch when it is the beginning.
  absl::StatusOr<std::vector<lgsp::events::v1::FollowResponse>> ReadOn(
      lgsp::events::v1::Position& after);
  void Remove(const Stream* stream);

  sql::Database* const db_;
  const std::string source_;
  const FeedOptions options_;
  metrics::Gauge followers_;
  metrics::Counter sent_;

  // Never held together with the mutex of a stream.
  absl::Mutex mutex_;
  // From Follow to OnDone.
  std::vector<std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread pump_;
};

}  // namespace lgsp::events
