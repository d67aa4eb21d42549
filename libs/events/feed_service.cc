#include "libs/events/feed_service.h"

#include <algorithm>
#include <deque>

#include "absl/strings/match.h"
#include "libs/events/outbox.h"
#include "libs/log/log.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::FollowRequest;
using lgsp::events::v1::FollowResponse;
using lgsp::events::v1::Position;

constexpr int kBatch = 200;
constexpr size_t kMaxFollowers = 64;
// How often the feed is looked at when nobody says Notify, and how often a silent stream says that
// it lives.
constexpr absl::Duration kPollInterval = absl::Milliseconds(500);
constexpr absl::Duration kHeartbeat = absl::Seconds(5);

bool Concerns(const FollowRequest& request, const lgsp::events::v1::Event& event) {
  if (request.audience().empty()) return true;
  return std::any_of(
      event.audience().begin(), event.audience().end(), [&](const std::string& agency) {
        return std::find(request.audience().begin(), request.audience().end(), agency) !=
               request.audience().end();
      });
}

}  // namespace

// One follower. gRPC's callbacks and the pump meet under the mutex; the object lives until both
// have let go.
class FeedService::Stream final : public grpc::ServerWriteReactor<FollowResponse> {
 public:
  Stream(const FollowRequest& request, Position after, metrics::Counter sent)
      : request_(request), after_(std::move(after)), sent_(sent), last_write_(absl::Now()) {}

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) return FinishLocked(grpc::Status::CANCELLED);
    WriteNextLocked();
  }
  void OnCancel() override {
    absl::MutexLock lock(&mutex_);
    FinishLocked(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    std::shared_ptr<Stream> self;
    absl::MutexLock lock(&mutex_);
    done_ = true;
    self.swap(self_);
    // `self` outlives the lock: it was declared before it.
  }

  void KeepAlive(std::shared_ptr<Stream> self) { self_ = std::move(self); }

  bool done() {
    absl::MutexLock lock(&mutex_);
    return done_;
  }
  // Where to read on, when there is room for more.
  bool WantsMore(Position* after) {
    absl::MutexLock lock(&mutex_);
    *after = after_;
    return !finished_ && queue_.empty();
  }
  void Offer(const std::vector<FollowResponse>& batch) {
    absl::MutexLock lock(&mutex_);
    if (finished_) return;
    for (const FollowResponse& response : batch) {
      after_ = response.position();
      if (Concerns(request_, response.event())) queue_.push_back(response);
    }
    if (queue_.empty() && absl::Now() - last_write_ >= kHeartbeat) {
      *queue_.emplace_back().mutable_position() = after_;
    }
    WriteNextLocked();
  }
  void End(const grpc::Status& status) {
    absl::MutexLock lock(&mutex_);
    FinishLocked(status);
  }

 private:
  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_ || queue_.empty()) return;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    last_write_ = absl::Now();
    if (current_.has_event()) sent_.Add();
    StartWrite(&current_);
  }
  void FinishLocked(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    finished_ = true;
    Finish(status);
  }

  const FollowRequest request_;
  absl::Mutex mutex_;
  Position after_ ABSL_GUARDED_BY(mutex_);
  metrics::Counter sent_;
  std::deque<FollowResponse> queue_ ABSL_GUARDED_BY(mutex_);
  FollowResponse current_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_write_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Stream> self_ ABSL_GUARDED_BY(mutex_);
};

FeedService::FeedService(sql::Database* db, std::string source, metrics::Registry* metrics)
    : db_(db),
      source_(std::move(source)),
      followers_(metrics->GetGauge("events_feed_followers", "Open streams of the feed.")),
      sent_(metrics->GetCounter("events_feed_sent_total", "Events sent to followers.")),
      pump_([this] { Pump(); }) {}

FeedService::~FeedService() { Stop(); }

void FeedService::Notify() {
  absl::MutexLock lock(&mutex_);
  notified_ = true;
}

void FeedService::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (pump_.joinable()) pump_.join();
}

absl::Status FeedService::CheckPosition(const FollowRequest& request, Position* after) {
  Position last;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(last, LastPosition(tx));
    return absl::OkStatus();
  }));
  after->set_epoch(last.epoch());
  if (!request.has_after() || (request.after().epoch() == 0 && request.after().n() == 0)) {
    return absl::OkStatus();
  }
  if (request.after().epoch() != last.epoch() || request.after().n() > last.n()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "FEED_EPOCH_UNKNOWN",
                     "the position is not of this feed: it was restored or replaced");
  }
  after->set_n(request.after().n());
  return absl::OkStatus();
}

grpc::ServerWriteReactor<FollowResponse>* FeedService::Follow(grpc::CallbackServerContext*,
                                                              const FollowRequest* request) {
  Position after;
  absl::Status status = CheckPosition(*request, &after);
  auto stream = std::make_shared<Stream>(*request, after, sent_);
  stream->KeepAlive(stream);
  absl::MutexLock lock(&mutex_);
  if (status.ok() && streams_.size() >= kMaxFollowers) {
    status = MakeError(absl::StatusCode::kResourceExhausted, "FEED_TOO_MANY_FOLLOWERS",
                       "the feed has as many followers as it serves");
  }
  if (status.ok() && stop_) {
    status = MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING", "the server is draining");
  }
  if (!status.ok()) {
    stream->End(rpc::ToGrpcStatus(status));
  } else {
    streams_.push_back(stream);
    notified_ = true;
  }
  return stream.get();
}

void FeedService::Pump() {
  for (;;) {
    std::vector<std::shared_ptr<Stream>> streams;
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || notified_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), kPollInterval);
      if (stop_) {
        for (const auto& stream : streams_) {
          stream->End(rpc::ToGrpcStatus(MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                                                  "the server is draining")));
        }
        streams_.clear();
        return;
      }
      notified_ = false;
      streams_.erase(std::remove_if(streams_.begin(), streams_.end(),
                                    [](const auto& stream) { return stream->done(); }),
                     streams_.end());
      followers_.Set(static_cast<double>(streams_.size()));
      streams = streams_;
    }
    bool more = false;
    for (const auto& stream : streams) {
      Position after;
      if (!stream->WantsMore(&after)) continue;
      std::vector<FollowResponse> batch;
      const absl::Status status = db_->Read([&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(batch, ReadFeed(tx, source_, after, kBatch));
        return absl::OkStatus();
      });
      if (!status.ok()) {
        log::Error("feed cannot be read", {{"status", status}});
        stream->End(rpc::ToGrpcStatus(status));
        continue;
      }
      more = more || batch.size() == kBatch;
      stream->Offer(batch);
    }
    if (more) Notify();
  }
}

}  // namespace lgsp::events
