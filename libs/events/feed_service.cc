#include "libs/events/feed_service.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "libs/auth/auth.h"
#include "libs/events/outbox.h"
#include "libs/log/log.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::events::v1::Event;
using lgsp::events::v1::FollowRequest;
using lgsp::events::v1::FollowResponse;
using lgsp::events::v1::Position;

// Events read at once; what a follower has not taken yet stays in memory.
constexpr int kBatch = 200;
constexpr absl::Duration kReadTimeout = absl::Seconds(10);
constexpr char kPlatformServices[] = "services/";

absl::Status Draining() {
  return MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING", "the server is draining");
}

absl::Status TooManyFollowers() {
  return MakeError(absl::StatusCode::kResourceExhausted, "FEED_TOO_MANY_FOLLOWERS",
                   "the feed has as many followers as it serves");
}

absl::Status Stalled() {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "FEED_FOLLOWER_STALLED",
                   "the follower takes nothing of what is sent");
}

// Which events a follower gets.
class Interest {
 public:
  Interest(const FollowRequest& request, Caller caller)
      : wanted_(request.audience().begin(), request.audience().end()),
        caller_(std::move(caller)),
        sees_all_(absl::StartsWith(caller_.system(), kPlatformServices)) {}

  bool Has(const Event& event) const {
    if (sees_all_ && wanted_.empty()) return true;
    return std::any_of(event.audience().begin(), event.audience().end(), [this](const auto& code) {
      return (wanted_.empty() || wanted_.count(code) > 0) &&
             (sees_all_ || auth::ActsFor(caller_, code));
    });
  }

 private:
  const std::set<std::string> wanted_;
  const Caller caller_;
  const bool sees_all_;
};

// The answer to a call that gets no stream.
class Refusal final : public grpc::ServerWriteReactor<FollowResponse> {
 public:
  explicit Refusal(const absl::Status& status) { Finish(rpc::ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

// One follower. Used by gRPC's callbacks and by the pump, both under its mutex; gRPC runs no
// callback inside StartWrite, Finish or TryCancel.
class FeedService::Stream final : public grpc::ServerWriteReactor<FollowResponse> {
 public:
  Stream(FeedService* feed, grpc::CallbackServerContext* context, const FollowRequest& request)
      : feed_(feed),
        context_(context),
        interest_(request, rpc::ContextOf(*context).caller),
        after_(request.after()) {}

  void OnWriteDone(bool ok) override {
    bool read_on = false;
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (ok) {
        WriteNext();
      } else {
        End(grpc::Status::CANCELLED);
      }
      read_on = WantsMore() && behind_;
    }
    if (read_on) feed_->Notify();
  }
  void OnCancel() override { EndWith(grpc::Status::CANCELLED); }
  // Lets go of this object.
  void OnDone() override { feed_->Remove(this); }

  // Where to read on, when there is room for more.
  std::optional<Position> NextRead() {
    absl::MutexLock lock(&mutex_);
    if (writing_ && absl::Now() - last_write_ > feed_->options_.longest_stall) {
      End(rpc::ToGrpcStatus(Stalled()));
    }
    return WantsMore() ? std::make_optional(after_) : std::nullopt;
  }
  // What was read after `after`. Says whether to read on at once.
  bool Offer(const Position& after, std::vector<FollowResponse> batch) {
    absl::MutexLock lock(&mutex_);
    after_ = batch.empty() ? after : batch.back().position();
    behind_ = batch.size() == kBatch;
    for (FollowResponse& response : batch) {
      if (interest_.Has(response.event())) queue_.push_back(std::move(response));
    }
    if (queue_.empty() && absl::Now() - last_write_ >= feed_->options_.heartbeat) {
      *queue_.emplace_back().mutable_position() = after_;
    }
    WriteNext();
    return WantsMore() && behind_;
  }
  void EndWith(const grpc::Status& status) {
    absl::MutexLock lock(&mutex_);
    End(status);
  }

 private:
  bool WantsMore() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !finished_ && queue_.empty();
  }
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_ || queue_.empty()) return;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    last_write_ = absl::Now();
    if (current_.has_event()) feed_->sent_.Add();
    StartWrite(&current_);
  }
  void End(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    finished_ = true;
    // The status would wait behind what the follower does not take.
    if (writing_) context_->TryCancel();
    Finish(status);
  }

  FeedService* const feed_;
  grpc::CallbackServerContext* const context_;  // lives until OnDone
  const Interest interest_;
  absl::Mutex mutex_;
  Position after_ ABSL_GUARDED_BY(mutex_);
  // More was there than was read.
  bool behind_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<FollowResponse> queue_ ABSL_GUARDED_BY(mutex_);
  FollowResponse current_ ABSL_GUARDED_BY(mutex_);
  // The first thing a follower hears, at once, is where it stands.
  absl::Time last_write_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

FeedService::FeedService(sql::Database* db, std::string source, metrics::Registry* metrics,
                         FeedOptions options)
    : db_(db),
      source_(std::move(source)),
      options_(options),
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

grpc::ServerWriteReactor<FollowResponse>* FeedService::Follow(grpc::CallbackServerContext* context,
                                                              const FollowRequest* request) {
  auto stream = std::make_shared<Stream>(this, context, *request);
  absl::MutexLock lock(&mutex_);
  if (stop_) return new Refusal(Draining());
  if (streams_.size() >= kMaxFollowers) return new Refusal(TooManyFollowers());
  followers_.Add(1);
  notified_ = true;
  return streams_.emplace_back(std::move(stream)).get();
}

grpc::ServerUnaryReactor* FeedService::RaiseEpoch(
    grpc::CallbackServerContext* context, const lgsp::events::v1::RaiseEpochRequest* /*request*/,
    lgsp::events::v1::RaiseEpochResponse* response) {
  const auto raised = events::RaiseEpoch(*db_);
  if (raised.ok()) {
    *response->mutable_position() = *raised;
    log::Warning("the feed has a new epoch: its consumers stop until they are rebuilt",
                 {{"system", rpc::ContextOf(*context).caller.system()},
                  {"position", static_cast<int64_t>(raised->n())}});
    // Those who follow are told at once.
    Notify();
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(rpc::ToGrpcStatus(raised.status()));
  return reactor;
}

void FeedService::Remove(const Stream* stream) {
  std::shared_ptr<Stream> removed;  // may be the last to hold it: dies after the lock is gone
  absl::MutexLock lock(&mutex_);
  const auto it = std::find_if(streams_.begin(), streams_.end(),
                               [&](const auto& known) { return known.get() == stream; });
  removed = std::move(*it);
  streams_.erase(it);
  followers_.Add(-1);
}

void FeedService::Pump() {
  for (;;) {
    std::vector<std::shared_ptr<Stream>> streams;
    bool stop = false;
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || notified_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), options_.poll_interval);
      notified_ = false;
      stop = stop_;
      streams = streams_;
    }
    bool more = false;
    for (const auto& stream : streams) {
      if (stop) {
        stream->EndWith(rpc::ToGrpcStatus(Draining()));
      } else {
        more = Serve(*stream) || more;
      }
    }
    if (stop) return;
    if (more) Notify();
  }
}

bool FeedService::Serve(Stream& stream) {
  std::optional<Position> after = stream.NextRead();
  if (!after.has_value()) return false;
  auto batch = ReadOn(*after);
  if (batch.ok()) return stream.Offer(*after, *std::move(batch));
  log::Error("a follower cannot be served", {{"status", batch.status()}});
  stream.EndWith(rpc::ToGrpcStatus(batch.status()));
  return false;
}

absl::StatusOr<std::vector<FollowResponse>> FeedService::ReadOn(Position& after) {
  std::vector<FollowResponse> batch;
  RETURN_IF_ERROR(db_->Read(
      [&](sql::Transaction& tx) -> absl::Status {
        ASSIGN_OR_RETURN(const Position last, LastPosition(tx));
        if (after.epoch() == 0 && after.n() == 0) after.set_epoch(last.epoch());
        if (after.epoch() != last.epoch() || after.n() > last.n()) {
          return MakeError(absl::StatusCode::kFailedPrecondition, "FEED_EPOCH_UNKNOWN",
                           "the position is not of this feed: it was restored or replaced");
        }
        if (after.n() == last.n()) return absl::OkStatus();
        ASSIGN_OR_RETURN(batch, ReadFeed(tx, source_, after, kBatch));
        return absl::OkStatus();
      },
      absl::Now() + kReadTimeout));
  return batch;
}

}  // namespace lgsp::events
