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
          // Never back: of two that follow for one consumer the later one counts.
          "ON CONFLICT (consumer) DO UPDATE SET epoch = :epoch, n = :n "
          "WHERE consumer_positions.epoch <> :epoch OR consumer_positions.n < :n",
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
                                   "Age of the event at hand; 0 when there is none.", labels);
  heard_time_seconds_ =
      metrics->GetGauge("events_consumer_heard_time_seconds",
                        "When the feed last said something, seconds since 1970.", labels);
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
  for (;;) {
    bool got_on = false;
    const absl::Status status = FollowOnce(&got_on);
    if (ErrorReason(status) == "FEED_EPOCH_UNKNOWN") {
      stopped_.Set(1);
      log::Error("consumer stopped: the feed is not the one it followed",
                 {{"consumer", name_}, {"status", status}});
      return;
    }
    if (got_on) backoff = kFirstBackoff;
    if (WaitOrStop(backoff)) return;
    log::Warning("following the feed again", {{"consumer", name_}, {"status", status}});
    backoff = std::min(backoff * 2, kLongestBackoff);
  }
}

absl::Status Consumer::FollowOnce(bool* got_on) {
  FollowRequest request;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(*request.mutable_after(), ConsumerPosition(tx, name_));
    return absl::OkStatus();
  }));
  position_.Set(static_cast<double>(request.after().n()));
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
    heard_time_seconds_.Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
    status = Handle(response);
    if (status.ok()) *got_on = true;
  }
  if (!status.ok()) context.TryCancel();
  const grpc::Status ended = reader->Finish();
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status.ok() ? rpc::FromGrpcStatus(ended) : status;
}

absl::Status Consumer::Handle(const FollowResponse& response) {
  if (!response.has_event()) {
    lag_seconds_.Set(0);
    return absl::OkStatus();
  }
  const Event& event = response.event();
  const absl::Status status = ApplyEvent(*db_, *clock_, name_, response, handler_);
  // Of an event that failed, too: it grows for as long as the event keeps the others waiting.
  lag_seconds_.Set(absl::ToDoubleSeconds(
      clock_->CivilNow() -
      absl::FromUnixMicros(
          google::protobuf::util::TimeUtil::TimestampToMicroseconds(event.time()))));
  if (status.ok()) {
    applied_.Add();
    position_.Set(static_cast<double>(response.position().n()));
  } else {
    failed_.Add();
    log::Warning("event failed", {{"consumer", name_},
                                  {"type", event.type()},
                                  {"position", static_cast<int64_t>(response.position().n())},
                                  {"status", status}});
  }
  return status;
}

}  // namespace lgsp::events
