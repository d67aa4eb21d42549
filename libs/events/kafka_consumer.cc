#include "libs/events/kafka_consumer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "libs/events/delivery.h"
#include "libs/events/kafka_record.h"
#include "libs/events/offsets.h"
#include "libs/events/parked.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::FollowResponse;

// How long to wait for a record before looking at what else there is to do.
constexpr int kPollMs = 50;
// How often the position is moved while events come, and how often the brokers are asked for a sign
// of life while none do.
constexpr absl::Duration kPositionInterval = absl::Milliseconds(200);
constexpr absl::Duration kProbeInterval = absl::Seconds(5);
constexpr int kProbeTimeoutMs = 1000;
// How long a consumer that ends waits for the partitions it has asked for.
constexpr absl::Duration kFirstAssignment = absl::Seconds(5);

struct MessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;

// One partition of ours.
struct Partition {
  // The offset that comes next; nothing when that is not known.
  std::optional<int64_t> next;
  bool at_end = false;
  // The record that failed and those that were on their way when the partition was paused.
  std::deque<Message> held;
  absl::Time retry_time;
  absl::Duration backoff = kFirstBackoff;
};

}  // namespace

// All of it but Start and the end is done by one thread, librdkafka's callbacks too.
class KafkaConsumer::Impl {
 public:
  Impl(ConsumerParts parts, KafkaTopic topic, std::string group, absl::Duration session_timeout)
      : topic_(std::move(topic)),
        group_(std::move(group)),
        session_timeout_(session_timeout),
        delivery_(std::move(parts)) {}
  ~Impl() {
    {
      absl::MutexLock lock(&mutex_);
      stop_ = true;
    }
    if (thread_.joinable()) thread_.join();
  }
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }

 private:
  void Run();
  absl::Status Connect();
  void Disconnect();
  // Takes what comes, until something is wrong with the client or the feed, or the end.
  absl::Status Consume();
  absl::Status Take(Message message);
  absl::Status TakeRecord(Message message, Partition& partition);
  // Deals with one record; how far that went.
  absl::Status Deal(const rd_kafka_message_t& message, Partition& partition);
  // That nothing is missing before the record.
  absl::Status CheckGap(const FollowResponse& response, const rd_kafka_message_t& message,
                        const Partition& partition);
  absl::Status CheckFeed(const FollowResponse& response);
  void Hold(Message message, Partition& partition, const absl::Status& failure);
  absl::Status RetryHeld();
  void SetPaused(int32_t partition, bool paused);
  absl::Status MovePosition();
  void Probe();
  void Rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list);
  void Assign(rd_kafka_topic_partition_list_t* list);
  bool WaitOrStop(absl::Duration duration);

  const KafkaTopic topic_;
  const std::string group_;
  const absl::Duration session_timeout_;
  Delivery delivery_;
  KafkaClient client_;
  std::map<int32_t, Partition> partitions_;
  // This client has asked for partitions; it was given some.
  bool subscribed_ = false, assigned_ = false;
  uint64_t epoch_ = 0;
  bool position_behind_ = false;
  absl::Time position_time_, probe_time_;
  // Until then nothing is begun: too much is parked.
  absl::Time stopped_until_ = absl::InfinitePast();

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

bool KafkaConsumer::Impl::WaitOrStop(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stop_), duration);
  return stop_;
}

void KafkaConsumer::Impl::Run() {
  absl::Duration backoff = kFirstBackoff;
  for (;;) {
    absl::Status status = Connect();
    if (status.ok()) {
      backoff = kFirstBackoff;
      status = Consume();
    }
    Disconnect();
    if (ErrorReason(status) == kEpochUnknown) {
      delivery_.SetStopped(true);
      log::Error("consumer stopped: the topic is not of the feed it followed",
                 {{"consumer", delivery_.name()}, {"status", status}});
      return;
    }
    if (WaitOrStop(backoff)) return;
    log::Warning("following the topic again", {{"consumer", delivery_.name()}, {"status", status}});
    backoff = std::min(backoff * 2, kLongestBackoff);
  }
}

absl::Status KafkaConsumer::Impl::Connect() {
  subscribed_ = assigned_ = false;
  ASSIGN_OR_RETURN(client_, MakeKafkaClient(
                                true, topic_, KafkaConsumerSettings(group_, session_timeout_),
                                [](rd_kafka_conf_t* conf, void* /*opaque*/) {
                                  rd_kafka_conf_set_rebalance_cb(
                                      conf,
                                      [](rd_kafka_t* /*client*/, rd_kafka_resp_err_t what,
                                         rd_kafka_topic_partition_list_t* list, void* opaque) {
                                        static_cast<Impl*>(opaque)->Rebalance(what, list);
                                      });
                                },
                                this));
  rd_kafka_poll_set_consumer(client_.get());
  RETURN_IF_ERROR(EnsureTopic(client_.get(), topic_));
  delivery_.Heard();
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic_.topic.c_str(), RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t failed = rd_kafka_subscribe(client_.get(), topics);
  rd_kafka_topic_partition_list_destroy(topics);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError(failed, "subscribing");
  subscribed_ = true;
  return absl::OkStatus();
}

void KafkaConsumer::Impl::Disconnect() {
  if (client_ == nullptr) return;
  // librdkafka 2.0.2 aborts when it is closed after joining the group and before it was given its
  // first partitions (its issue 4312).
  const absl::Time deadline = absl::Now() + kFirstAssignment;
  while (subscribed_ && !assigned_ && absl::Now() < deadline) {
    Message(rd_kafka_consumer_poll(client_.get(), kPollMs));
  }
  // They belong to the client.
  partitions_.clear();
  if (subscribed_ && !assigned_) {
    // A client that is never closed leaves the group when its process ends.
    log::Warning("kafka: a client without partitions is left open",
                 {{"consumer", delivery_.name()}});
    (void)client_.release();
  } else {
    rd_kafka_consumer_close(client_.get());
    client_.reset();
  }
  (void)MovePosition();
}

absl::Status KafkaConsumer::Impl::Consume() {
  while (!WaitOrStop(absl::ZeroDuration())) {
    Message message(rd_kafka_consumer_poll(client_.get(), kPollMs));
    if (message != nullptr) RETURN_IF_ERROR(Take(std::move(message)));
    RETURN_IF_ERROR(RetryHeld());
    const absl::Time now = absl::Now();
    if (position_behind_ && now >= position_time_) {
      const absl::Status moved = MovePosition();
      if (!moved.ok()) log::Warning("position not moved", {{"status", moved}});
    }
    if (now >= probe_time_) Probe();
  }
  return absl::OkStatus();
}

absl::Status KafkaConsumer::Impl::Take(Message message) {
  const auto found = partitions_.find(message->partition);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    // Of a partition that is another process's by now there is nothing to do.
    return found == partitions_.end() ? absl::OkStatus()
                                      : TakeRecord(std::move(message), found->second);
  }
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    delivery_.Heard();
    if (found != partitions_.end()) found->second.at_end = found->second.held.empty();
    if (std::all_of(partitions_.begin(), partitions_.end(),
                    [](const auto& partition) { return partition.second.at_end; })) {
      delivery_.NothingToDo();
    }
    return absl::OkStatus();
  }
  // librdkafka goes on by itself, but for this one.
  const absl::Status failed = KafkaError(message->err, "consuming");
  log::Warning("kafka", {{"consumer", delivery_.name()}, {"status", failed}});
  return message->err == RD_KAFKA_RESP_ERR__FATAL ? failed : absl::OkStatus();
}

absl::Status KafkaConsumer::Impl::TakeRecord(Message message, Partition& partition) {
  delivery_.Heard();
  partition.at_end = false;
  if (!partition.held.empty()) {
    partition.held.push_back(std::move(message));
    return absl::OkStatus();
  }
  const absl::Status status =
      absl::Now() < stopped_until_ ? absl::UnavailableError("stopped") : Deal(*message, partition);
  if (ErrorReason(status) == kEpochUnknown) return status;
  if (!status.ok()) Hold(std::move(message), partition, status);
  return absl::OkStatus();
}

absl::Status KafkaConsumer::Impl::Deal(const rd_kafka_message_t& message, Partition& partition) {
  const FollowResponse response = ResponseOf(RecordOf(message));
  RETURN_IF_ERROR(CheckFeed(response));
  RETURN_IF_ERROR(CheckGap(response, message, partition));
  RETURN_IF_ERROR(delivery_.Deliver(response, [&](sql::Transaction& tx) {
    return SaveOffset(tx, delivery_.name(), topic_.topic, message.partition, message.offset + 1);
  }));
  partition.next = message.offset + 1;
  position_behind_ = true;
  return absl::OkStatus();
}

absl::Status KafkaConsumer::Impl::CheckFeed(const FollowResponse& response) {
  const uint64_t epoch = response.position().epoch();
  if (epoch == epoch_ || !response.has_position()) return absl::OkStatus();
  RETURN_IF_ERROR(delivery_.db().Run(
      [&](sql::Transaction& tx) { return CheckEpoch(tx, delivery_.name(), epoch); }));
  epoch_ = epoch;
  return absl::OkStatus();
}

absl::Status KafkaConsumer::Impl::CheckGap(const FollowResponse& response,
                                           const rd_kafka_message_t& message,
                                           const Partition& partition) {
  if (partition.next == message.offset || !response.has_position()) return absl::OkStatus();
  RETURN_IF_ERROR(MovePosition());
  bool missing = false;
  RETURN_IF_ERROR(delivery_.db().Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto position, ConsumerPosition(tx, delivery_.name()));
    missing = position.n() + 1 < response.position().n();
    return absl::OkStatus();
  }));
  if (!missing) return absl::OkStatus();
  const absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, "KAFKA_EVENTS_MISSING",
                "the topic does not have all events any more: get them from the feed",
                {{"consumer", delivery_.name()}});
  log::Warning("waiting for what came before",
               {{"consumer", delivery_.name()},
                {"partition", message.partition},
                {"position", static_cast<int64_t>(response.position().n())},
                {"status", status}});
  return status;
}

void KafkaConsumer::Impl::Hold(Message message, Partition& partition, const absl::Status& failure) {
  if (ErrorReason(failure) == kTooManyParked) stopped_until_ = absl::Now() + kStoppedPause;
  const int32_t number = message->partition;
  partition.held.push_front(std::move(message));
  partition.retry_time = std::max(absl::Now() + partition.backoff, stopped_until_);
  partition.backoff = std::min(partition.backoff * 2, kLongestBackoff);
  // From now on it gets no more than what was on its way, which kKafkaFetchedKilobytes bounds.
  SetPaused(number, true);
}

absl::Status KafkaConsumer::Impl::RetryHeld() {
  for (auto& [number, partition] : partitions_) {
    if (partition.held.empty() || absl::Now() < std::max(partition.retry_time, stopped_until_)) {
      continue;
    }
    while (!partition.held.empty()) {
      Message message = std::move(partition.held.front());
      partition.held.pop_front();
      const absl::Status status = Deal(*message, partition);
      if (ErrorReason(status) == kEpochUnknown) return status;
      if (!status.ok()) {
        Hold(std::move(message), partition, status);
        break;
      }
      partition.backoff = kFirstBackoff;
    }
    if (partition.held.empty()) SetPaused(number, false);
  }
  return absl::OkStatus();
}

void KafkaConsumer::Impl::SetPaused(int32_t partition, bool paused) {
  const absl::Status done = PausePartition(client_.get(), topic_.topic, partition, paused);
  if (!done.ok()) log::Warning("partition not paused or resumed", {{"status", done}});
}

absl::Status KafkaConsumer::Impl::MovePosition() {
  position_behind_ = false;
  position_time_ = absl::Now() + kPositionInterval;
  return delivery_.db().Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto position, AdvancePosition(tx, delivery_.name()));
    delivery_.SetPosition(position);
    return absl::OkStatus();
  });
}

void KafkaConsumer::Impl::Probe() {
  probe_time_ = absl::Now() + kProbeInterval;
  int64_t low = 0, high = 0;
  if (rd_kafka_query_watermark_offsets(client_.get(), topic_.topic.c_str(), 0, &low, &high,
                                       kProbeTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    delivery_.Heard();
  }
}

void KafkaConsumer::Impl::Rebalance(rd_kafka_resp_err_t what,
                                    rd_kafka_topic_partition_list_t* list) {
  rd_kafka_error_t* failed = nullptr;
  assigned_ = true;
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    Assign(list);
    failed = rd_kafka_incremental_assign(client_.get(), list);
    // One that was paused when it was taken away is paused no more.
    rd_kafka_resume_partitions(client_.get(), list);
  } else {
    for (int i = 0; i < list->cnt; ++i) partitions_.erase(list->elems[i].partition);
    if (partitions_.empty()) delivery_.NothingToDo();
    failed = rd_kafka_incremental_unassign(client_.get(), list);
  }
  log::Info("partitions rebalanced",
            {{"consumer", delivery_.name()},
             {"change", what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? list->cnt : -list->cnt},
             {"partitions", static_cast<int64_t>(partitions_.size())}});
  if (failed == nullptr) return;
  log::Error("rebalance failed",
             {{"status", KafkaError(rd_kafka_error_code(failed), "rebalance")}});
  rd_kafka_error_destroy(failed);
}

void KafkaConsumer::Impl::Assign(rd_kafka_topic_partition_list_t* list) {
  std::map<int32_t, int64_t> offsets;
  const absl::Status read = delivery_.db().Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(offsets, ReadOffsets(tx, delivery_.name(), topic_.topic));
    return absl::OkStatus();
  });
  if (!read.ok()) log::Warning("offsets not read", {{"status", read}});
  for (int i = 0; i < list->cnt; ++i) {
    rd_kafka_topic_partition_t& one = list->elems[i];
    Partition& partition = partitions_[one.partition];
    partition = Partition();
    // Without them it begins where the topic does, and looks whether something is missing.
    if (!read.ok()) continue;
    const auto found = offsets.find(one.partition);
    partition.next = found == offsets.end() ? 0 : found->second;
    one.offset = *partition.next;
  }
}

KafkaConsumer::KafkaConsumer(ConsumerParts parts, KafkaTopic topic, std::string group,
                             absl::Duration session_timeout)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(topic), std::move(group),
                                   session_timeout)) {}

KafkaConsumer::~KafkaConsumer() = default;

void KafkaConsumer::Start() { impl_->Start(); }

}  // namespace lgsp::events
