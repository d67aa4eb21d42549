// A consumer of the feed that the publisher itself serves (lgsp.events.v1.Feed).
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "libs/events/consumer.h"
#include "libs/events/delivery.h"

namespace lgsp::events {

// The epoch of the feed behind `channel`. UNAVAILABLE, or what the feed refused with.
absl::StatusOr<uint64_t> FeedEpoch(const std::shared_ptr<grpc::Channel>& channel);

class FeedConsumer final : public Consumer {
 public:
  // `channel`: to the publisher.
  FeedConsumer(ConsumerParts parts, std::shared_ptr<grpc::Channel> channel);
  ~FeedConsumer() override;

  void Start() override;

 private:
  void Run();
  // One stream, until it breaks. `got_on`: something came and was dealt with.
  absl::Status FollowOnce(bool* got_on);
  absl::Status Handle(const lgsp::events::v1::FollowResponse& response);
  bool WaitOrStop(absl::Duration duration);

  const std::shared_ptr<grpc::Channel> channel_;
  // Used by the thread alone.
  Delivery delivery_;

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace lgsp::events
