#include "libs/events/feed_consumer.h"

#include <algorithm>

#include "lgsp/events/v1/feed.grpc.pb.h"
#include "libs/events/parked.h"
#include "libs/log/log.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

// Who asks keeps its partitions waiting for so long.
constexpr absl::Duration kEpochTimeout = absl::Seconds(5);

}  // namespace

using lgsp::events::v1::Feed;
using lgsp::events::v1::FollowRequest;
using lgsp::events::v1::FollowResponse;

absl::StatusOr<uint64_t> FeedEpoch(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  rpc::SetDeadline(context, kEpochTimeout);
  const auto reader = Feed::NewStub(channel)->Follow(&context, FollowRequest());
  FollowResponse response;
  const bool answered = reader->Read(&response);
  context.TryCancel();
  const grpc::Status ended = reader->Finish();
  if (answered) return response.position().epoch();
  if (!ended.ok()) return rpc::FromGrpcStatus(ended);
  return MakeError(absl::StatusCode::kUnavailable, "FEED_ENDED", "the feed said nothing");
}

FeedConsumer::FeedConsumer(ConsumerParts parts, std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)), delivery_(std::move(parts)) {}

FeedConsumer::~FeedConsumer() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

void FeedConsumer::Start() {
  thread_ = std::thread([this] { Run(); });
}

bool FeedConsumer::WaitOrStop(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stop_), duration);
  return stop_;
}

void FeedConsumer::Run() {
  absl::Duration backoff = kFirstBackoff;
  for (;;) {
    bool got_on = false;
    const absl::Status status = FollowOnce(&got_on);
    const std::string reason = ErrorReason(status);
    if (reason == kEpochUnknown) {
      delivery_.SetStopped(true);
      log::Error("consumer stopped: the feed is not the one it followed",
                 {{"consumer", delivery_.name()}, {"status", status}});
      return;
    }
    if (got_on) backoff = kFirstBackoff;
    // It goes on by itself when an operator has made room.
    if (reason == kTooManyParked) backoff = kStoppedPause;
    if (WaitOrStop(backoff)) return;
    log::Warning("following the feed again", {{"consumer", delivery_.name()}, {"status", status}});
    backoff = std::min(backoff * 2, kLongestBackoff);
  }
}

absl::Status FeedConsumer::FollowOnce(bool* got_on) {
  FollowRequest request;
  RETURN_IF_ERROR(delivery_.db().Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(*request.mutable_after(), ConsumerPosition(tx, delivery_.name()));
    return absl::OkStatus();
  }));
  delivery_.SetPosition(request.after());
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    if (stop_) return absl::CancelledError("stopping");
    context_ = &context;
  }
  const auto stub = Feed::NewStub(channel_);
  const auto reader = stub->Follow(&context, request);
  FollowResponse response;
  absl::Status status;
  while (status.ok() && reader->Read(&response)) {
    delivery_.Heard();
    status = Handle(response);
    if (status.ok()) *got_on = true;
  }
  if (!status.ok()) context.TryCancel();
  const grpc::Status ended = reader->Finish();
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status.ok() ? rpc::FromGrpcStatus(ended) : status;
}

absl::Status FeedConsumer::Handle(const FollowResponse& response) {
  if (!response.has_event()) {
    delivery_.NothingToDo();
    return absl::OkStatus();
  }
  const absl::Status delivered = delivery_.Deliver(response, [&](sql::Transaction& tx) {
    return SavePosition(tx, delivery_.name(), response.position());
  });
  // Of an event that failed, too: it grows for as long as the event keeps the others waiting.
  delivery_.SetOldest(TimeOf(response.event()));
  RETURN_IF_ERROR(delivered);
  delivery_.SetPosition(response.position());
  return absl::OkStatus();
}

}  // namespace lgsp::events
