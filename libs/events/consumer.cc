#include "libs/events/consumer.h"

#include <algorithm>

#include "google/protobuf/util/time_util.h"
#include "lgsp/events/v1/feed.grpc.pb.h"
#include "libs/log/log.h"
#include "libs/rpc/server.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Event;
using lgsp::events::v1::Feed;
using lgsp::events::v1::FollowRequest;
using lgsp::events::v1::FollowResponse;
using lgsp::events::v1::Position;

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(200);
constexpr absl::Duration kLongestBackoff = absl::Seconds(10);

absl::Status SavePosition(sql::Transaction& tx, absl::string_view consumer,
                          const Position& position) {
  return tx
      .Execute(
          "INSERT INTO consumer_positions (consumer, epoch, n) VALUES (:consumer, :epoch, :n) "
          "ON CONFLICT (consumer) DO UPDATE SET epoch = :epoch, n = :n",
          {{"consumer", consumer},
           {"epoch", static_cast<int64_t>(position.epoch())},
           {"n", static_cast<int64_t>(position.n())}})
      .status();
}

}  // namespace

absl::StatusOr<Position> ConsumerPosition(sql::Transaction& tx, absl::string_view consumer) {
  ASSIGN_OR_RETURN(const sql::Result rows,
                   tx.Execute("SELECT epoch, n FROM consumer_positions WHERE consumer = :consumer",
                              {{"consumer", consumer}}));
  Position position;
  if (rows.rows.empty()) return position;
  position.set_epoch(static_cast<uint64_t>(rows.rows[0].Int(0)));
  position.set_n(static_cast<uint64_t>(rows.rows[0].Int(1)));
  return position;
}

absl::Status ApplyEvent(sql::Database& db, const Clock& clock, absl::string_view consumer,
                        const FollowResponse& response, const Handler& handler) {
  return db.Run([&](sql::Transaction& tx) -> absl::Status {
    if (response.has_event()) {
      ASSIGN_OR_RETURN(const sql::Result claimed,
                       tx.Execute("INSERT INTO inbox (consumer, source, event_id, receive_time) "
                                  "VALUES (:consumer, :source, :id, :now) "
                                  "ON CONFLICT (consumer, source, event_id) DO NOTHING",
                                  {{"consumer", consumer},
                                   {"source", response.event().source()},
                                   {"id", response.event().id()},
                                   {"now", clock.CivilNow()}}));
      if (claimed.changed == 1) RETURN_IF_ERROR(handler(tx, response.event()));
    }
    return SavePosition(tx, consumer, response.position());
  });
}

Consumer::Consumer(std::string name, std::shared_ptr<grpc::Channel> channel, sql::Database* db,
                   const Clock* clock, metrics::Registry* metrics, Handler handler)
    : name_(std::move(name)),
      channel_(std::move(channel)),
      db_(db),
      clock_(clock),
      handler_(std::move(handler)) {
  const metrics::Labels labels = {{"consumer", name_}};
  applied_ = metrics->GetCounter("events_consumed_total", "Events dealt with.", labels);
  failed_ = metrics->GetCounter("events_failed_total", "Attempts that failed.", labels);
  lag_seconds_ = metrics->GetGauge("events_consumer_lag_seconds",
                                   "Age of the last event dealt with, when it was.", labels);
  stopped_ = metrics->GetGauge("events_consumer_stopped", "1: an operator is needed.", labels);
  position_ = metrics->GetGauge("events_consumer_position", "Position in the feed.", labels);
}

Consumer::~Consumer() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

void Consumer::Start() {
  thread_ = std::thread([this] { Run(); });
}

bool Consumer::WaitOrStop(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stop_), duration);
  return stop_;
}

void Consumer::Run() {
  absl::Duration backoff = kFirstBackoff;
  absl::Time last_failure = absl::InfinitePast();
  do {
    const absl::Status status = FollowOnce();
    if (ErrorReason(status) == "FEED_EPOCH_UNKNOWN") {
      stopped_.Set(1);
      log::Error("consumer stopped: the feed is not the one it followed",
                 {{"consumer", name_}, {"status", status}});
      return;
    }
    // A stream that lived for a while was healthy: begin with short waits again.
    if (absl::Now() - last_failure > 2 * kLongestBackoff) backoff = kFirstBackoff;
    last_failure = absl::Now();
    if (WaitOrStop(backoff)) return;
    log::Warning("feed broken, following again", {{"consumer", name_}, {"status", status}});
    backoff = std::min(backoff * 2, kLongestBackoff);
  } while (true);
}

absl::Status Consumer::FollowOnce() {
  FollowRequest request;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(*request.mutable_after(), ConsumerPosition(tx, name_));
    return absl::OkStatus();
  }));
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
    if (!response.has_event()) {
      lag_seconds_.Set(0);
      continue;
    }
    status = ApplyEvent(*db_, *clock_, name_, response, handler_);
    if (!status.ok()) {
      failed_.Add();
      context.TryCancel();
      break;
    }
    applied_.Add();
    position_.Set(static_cast<double>(response.position().n()));
    lag_seconds_.Set(absl::ToDoubleSeconds(
        clock_->CivilNow() -
        absl::FromUnixMicros(
            google::protobuf::util::TimeUtil::TimestampToMicroseconds(response.event().time()))));
  }
  const grpc::Status ended = reader->Finish();
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status.ok() ? rpc::FromGrpcStatus(ended) : status;
}

}  // namespace lgsp::events
