#include "libs/events/kafka_progress.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "libs/events/offsets.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::FollowResponse;

// How often the position is moved while events come or are missing.
constexpr absl::Duration kMoveInterval = absl::Milliseconds(200);
// How often the feed is asked for its epoch while events of another one are passed by.
constexpr absl::Duration kEpochInterval = absl::Seconds(10);

bool AwaitsEarlier(const std::pair<const int32_t, KafkaPartition>& partition) {
  return partition.second.awaits_earlier;
}

}  // namespace

KafkaProgress::KafkaProgress(Delivery* delivery, EpochSource epoch_source, absl::Duration patience)
    : delivery_(delivery), epoch_source_(std::move(epoch_source)), patience_(patience) {}

absl::Status KafkaProgress::Begin() {
  behind_ = true;
  const auto keep = [&](uint64_t epoch) {
    return delivery_->db().Run([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(epoch_, KeepEpoch(tx, delivery_->name(), epoch));
      return absl::OkStatus();
    });
  };
  RETURN_IF_ERROR(keep(0));
  if (epoch_ != 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const uint64_t epoch, epoch_source_());
  RETURN_IF_ERROR(keep(epoch));
  if (epoch_ != 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kUnavailable, "FEED_WITHOUT_EPOCH", "the feed has no epoch");
}

absl::StatusOr<bool> KafkaProgress::IsOfAnotherEpoch(const FollowResponse& response) {
  if (!response.has_position() || response.position().epoch() == epoch_) return false;
  if (absl::Now() >= epoch_asked_until_) {
    ASSIGN_OR_RETURN(const uint64_t current, epoch_source_());
    if (current != epoch_) {
      return MakeError(absl::StatusCode::kFailedPrecondition, kEpochUnknown,
                       "the events are of another feed: it was restored or replaced");
    }
    epoch_asked_until_ = absl::Now() + kEpochInterval;
    log::Warning("passing by events of another life of the feed",
                 {{"consumer", delivery_->name()},
                  {"position", static_cast<int64_t>(response.position().n())}});
  }
  return true;
}

absl::Status KafkaProgress::CheckEarlier(const FollowResponse& response) {
  RETURN_IF_ERROR(Move());
  if (n_ + 1 >= response.position().n()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kUnavailable, kEventsMissing,
                   "an event before this one has not come", {{"consumer", delivery_->name()}});
}

void KafkaProgress::MoveWhenDue(const KafkaPartitions& partitions) {
  behind_ = behind_ || hole_ || missing_ ||
            std::any_of(partitions.begin(), partitions.end(), AwaitsEarlier);
  if (!behind_ || absl::Now() < move_time_) return;
  move_time_ = absl::Now() + kMoveInterval;
  const absl::Status moved = Move();
  if (!moved.ok()) {
    log::Warning("position not moved", {{"status", moved}});
    return;
  }
  Judge(partitions);
}

absl::Status KafkaProgress::Move() {
  behind_ = false;
  return delivery_->db().Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const Advance advance, AdvancePosition(tx, delivery_->name()));
    n_ = advance.position.n();
    hole_ = advance.hole;
    delivery_->SetPosition(advance.position);
    return absl::OkStatus();
  });
}

void KafkaProgress::Judge(const KafkaPartitions& partitions) {
  const absl::Time now = absl::Now();
  const bool gap = hole_ || std::any_of(partitions.begin(), partitions.end(), AwaitsEarlier);
  if (!gap || gap_since_ == absl::InfiniteFuture() || n_ != gap_n_) {
    gap_since_ = gap ? now : absl::InfiniteFuture();
    gap_n_ = n_;
  }
  const bool was_missing = std::exchange(
      missing_, gap && now - gap_since_ >= patience_ && !partitions.empty() &&
                    std::all_of(partitions.begin(), partitions.end(), [&](const auto& one) {
                      const KafkaPartition& partition = one.second;
                      return partition.at_end || partition.end_time >= gap_since_ ||
                             partition.awaits_earlier;
                    }));
  delivery_->SetMissing(missing_);
  if (!missing_ || was_missing) return;
  log::Error("events are missing: an operator is needed",
             {{"consumer", delivery_->name()},
              {"position", static_cast<int64_t>(n_)},
              {"status", MakeError(absl::StatusCode::kUnavailable, kEventsMissing,
                                   "the topic does not have all events: get them from the feed")}});
}

}  // namespace lgsp::events
