#include "libs/events/delivery.h"

#include "absl/time/clock.h"
#include "google/protobuf/util/time_util.h"
#include "libs/events/parked.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Event;
using lgsp::events::v1::FollowResponse;
using lgsp::events::v1::Position;

// At hand is one event per partition; what was taken over by another process is forgotten with all
// the others.
constexpr size_t kMaxCountedEvents = 1000;

absl::StatusOr<bool> Claim(sql::Transaction& tx, const Clock& clock, absl::string_view consumer,
                           const FollowResponse& response) {
  ASSIGN_OR_RETURN(const sql::Result claimed,
                   tx.Execute("INSERT INTO inbox (consumer, source, event_id, receive_time, n) "
                              "VALUES (:consumer, :source, :id, :now, :n) "
                              "ON CONFLICT (consumer, source, event_id) DO NOTHING",
                              {{"consumer", consumer},
                               {"source", response.event().source()},
                               {"id", response.event().id()},
                               {"now", clock.CivilNow()},
                               {"n", static_cast<int64_t>(response.position().n())}}));
  return claimed.changed == 1;
}

}  // namespace

absl::Time TimeOf(const Event& event) {
  return absl::FromUnixMicros(
      google::protobuf::util::TimeUtil::TimestampToMicroseconds(event.time()));
}

absl::Status RunHandler(sql::Transaction& tx, const Handler& handler, const Event& event) {
  if (!event.type().empty()) return handler(tx, event);
  return MakeError(absl::StatusCode::kDataLoss, "EVENT_UNREADABLE",
                   "what was received is no event of the platform");
}

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

absl::Status SavePosition(sql::Transaction& tx, absl::string_view consumer,
                          const Position& position) {
  return tx
      .Execute(
          "INSERT INTO consumer_positions (consumer, epoch, n) VALUES (:consumer, :epoch, :n) "
          "ON CONFLICT (consumer) DO UPDATE SET epoch = :epoch, n = :n "
          "WHERE consumer_positions.epoch <> :epoch OR consumer_positions.n < :n",
          {{"consumer", consumer},
           {"epoch", static_cast<int64_t>(position.epoch())},
           {"n", static_cast<int64_t>(position.n())}})
      .status();
}

absl::Status ApplyEvent(sql::Database& db, const Clock& clock, absl::string_view consumer,
                        const FollowResponse& response, const Handler& handler,
                        SaveProgress save_progress) {
  return db.Run([&](sql::Transaction& tx) -> absl::Status {
    if (response.has_event()) {
      ASSIGN_OR_RETURN(const bool claimed, Claim(tx, clock, consumer, response));
      if (claimed) {
        ASSIGN_OR_RETURN(const bool joined, JoinParked(tx, consumer, response));
        if (!joined) RETURN_IF_ERROR(RunHandler(tx, handler, response.event()));
      }
    }
    return save_progress(tx);
  });
}

absl::Status ApplyEvent(sql::Database& db, const Clock& clock, absl::string_view consumer,
                        const FollowResponse& response, const Handler& handler) {
  return ApplyEvent(db, clock, consumer, response, handler, [&](sql::Transaction& tx) {
    return SavePosition(tx, consumer, response.position());
  });
}

Delivery::Delivery(ConsumerParts parts) : parts_(std::move(parts)) {
  const metrics::Labels labels = {{"consumer", parts_.name}};
  metrics::Registry& metrics = *parts_.metrics;
  applied_ = metrics.GetCounter("events_consumed_total", "Events dealt with.", labels);
  failed_ = metrics.GetCounter("events_failed_total", "Attempts that failed.", labels);
  parked_ = metrics.GetCounter("events_parked_total",
                               "Events that could not be dealt with and parked their key.", labels);
  lag_seconds_ = metrics.GetGauge("events_consumer_lag_seconds",
                                  "Age of the oldest event at hand; 0 when there is none.", labels);
  heard_time_seconds_ =
      metrics.GetGauge("events_consumer_heard_time_seconds",
                       "When the feed last said something, seconds since 1970.", labels);
  stopped_ = metrics.GetGauge("events_consumer_stopped", "1: an operator is needed.", labels);
  missing_ = metrics.GetGauge("events_missing",
                              "1: events that came before others cannot be had any more.", labels);
  position_ = metrics.GetGauge("events_consumer_position", "Position in the feed.", labels);
}

void Delivery::Heard() {
  heard_time_seconds_.Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
}

void Delivery::SetOldest(absl::Time event_time) {
  lag_seconds_.Set(absl::ToDoubleSeconds(parts_.clock->CivilNow() - event_time));
}

void Delivery::SetPosition(const Position& position) {
  position_.Set(static_cast<double>(position.n()));
}

absl::Status Delivery::Deliver(const FollowResponse& response, SaveProgress save_progress) {
  const Event& event = response.event();
  absl::Status status =
      ApplyEvent(*parts_.db, *parts_.clock, parts_.name, response, parts_.handler, save_progress);
  if (!status.ok()) status = Fail(response, status, save_progress);
  SetStopped(ErrorReason(status) == kTooManyParked);
  if (!status.ok()) return status;
  applied_.Add();
  failures_.erase(event.id());
  return absl::OkStatus();
}

absl::Status Delivery::Fail(const FollowResponse& response, const absl::Status& failure,
                            SaveProgress save_progress) {
  failed_.Add();
  log::Warning("event failed", {{"consumer", parts_.name},
                                {"type", response.event().type()},
                                {"position", static_cast<int64_t>(response.position().n())},
                                {"status", failure}});
  // What stops the consumer is not of the event.
  if (IsTransient(failure) || ErrorReason(failure) == kTooManyParked ||
      ErrorReason(failure) == kEpochUnknown) {
    return failure;
  }
  if (failures_.size() >= kMaxCountedEvents) failures_.clear();
  if (++failures_[response.event().id()] < kTriesBeforeParking) return failure;
  return ParkNow(response, failure, save_progress);
}

absl::Status Delivery::ParkNow(const FollowResponse& response, const absl::Status& failure,
                               SaveProgress save_progress) {
  bool claimed = false;
  RETURN_IF_ERROR(parts_.db->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(claimed, Claim(tx, *parts_.clock, parts_.name, response));
    // Else another process has dealt with it meanwhile.
    if (claimed) {
      RETURN_IF_ERROR(Park(tx, parts_.name, response, failure, parts_.clock->CivilNow()));
    }
    return save_progress(tx);
  }));
  if (!claimed) return absl::OkStatus();
  parked_.Add();
  log::Error("key parked: an operator is needed (lgsp parked)",
             {{"consumer", parts_.name},
              {"key", response.event().subject()},
              {"type", response.event().type()},
              {"status", failure}});
  return absl::OkStatus();
}

}  // namespace lgsp::events
