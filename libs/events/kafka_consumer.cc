#include "libs/events/kafka_consumer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "libs/events/delivery.h"
#include "libs/events/kafka_partition.h"
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
// How often the brokers are asked for a sign of life.
constexpr absl::Duration kProbeInterval = absl::Seconds(5);
// For how many session timeouts the position stands before what it waits for is missing: the
// partitions of a process that died are read by another after one.
constexpr double kGapSessions = 1.5;
// How long a consumer that ends waits for the partitions it has asked for.
constexpr absl::Duration kFirstAssignment = absl::Seconds(5);

}  // namespace

// All of it but Start and the end is done by one thread, librdkafka's callbacks too.
class KafkaConsumer::Impl {
 public:
  Impl(ConsumerParts parts, KafkaTopic topic, std::string group, EpochSource epoch_source,
       absl::Duration session_timeout)
      : topic_(std::move(topic)),
        group_(std::move(group)),
        session_timeout_(session_timeout),
        delivery_(std::move(parts)),
        progress_(&delivery_, std::move(epoch_source), kGapSessions * session_timeout) {
    WarnOfPlaintext(topic_);
  }
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
  absl::Status Take(KafkaMessage message);
  void TakeEnd(KafkaPartition& partition);
  absl::Status TakeRecord(KafkaMessage message, KafkaPartition& partition);
  // Deals with one record; how far that went.
  absl::Status Deal(const rd_kafka_message_t& message, KafkaPartition& partition);
  // That the record was dealt with; else the partition is read from its beginning.
  absl::Status CheckLast(const FollowResponse& response, const rd_kafka_message_t& message,
                         KafkaPartition& partition);
  // That nothing is missing before the record.
  absl::Status CheckGap(const FollowResponse& response, const rd_kafka_message_t& message,
                        const KafkaPartition& partition);
  void Hold(KafkaMessage message, KafkaPartition& partition, const absl::Status& failure);
  absl::Status RetryHeld();
  void SetPaused(int32_t partition, bool paused);
  void ShowLag();
  void Rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list);
  void Assign(rd_kafka_topic_partition_list_t* list);
  bool WaitOrStop(absl::Duration duration);

  const KafkaTopic topic_;
  const std::string group_;
  const absl::Duration session_timeout_;
  Delivery delivery_;
  KafkaProgress progress_;
  KafkaClient client_;
  KafkaPartitions partitions_;
  // This client has asked for partitions; it was given some.
  bool subscribed_ = false, assigned_ = false;
  absl::Time probe_time_;
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
  RETURN_IF_ERROR(progress_.Begin());
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
    KafkaMessage(rd_kafka_consumer_poll(client_.get(), kPollMs));
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
  (void)progress_.Move();
}

absl::Status KafkaConsumer::Impl::Consume() {
  while (!WaitOrStop(absl::ZeroDuration())) {
    KafkaMessage message(rd_kafka_consumer_poll(client_.get(), kPollMs));
    if (message != nullptr) RETURN_IF_ERROR(Take(std::move(message)));
    RETURN_IF_ERROR(RetryHeld());
    progress_.MoveWhenDue(partitions_);
    ShowLag();
    if (absl::Now() < probe_time_) continue;
    probe_time_ = absl::Now() + kProbeInterval;
    if (IsReachable(client_.get(), topic_)) delivery_.Heard();
  }
  return absl::OkStatus();
}

absl::Status KafkaConsumer::Impl::Take(KafkaMessage message) {
  const auto found = partitions_.find(message->partition);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    // Else it is of another process's partition by now.
    return found == partitions_.end() ? absl::OkStatus()
                                      : TakeRecord(std::move(message), found->second);
  }
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    delivery_.Heard();
    if (found == partitions_.end()) return absl::OkStatus();
    found->second.end_follows = true;
    TakeEnd(found->second);
    return absl::OkStatus();
  }
  // librdkafka goes on by itself, but for this one.
  const absl::Status failed = KafkaError(message->err, "consuming");
  log::Warning("kafka", {{"consumer", delivery_.name()}, {"status", failed}});
  return message->err == RD_KAFKA_RESP_ERR__FATAL ? failed : absl::OkStatus();
}

void KafkaConsumer::Impl::TakeEnd(KafkaPartition& partition) {
  if (!partition.end_follows || !partition.held.empty()) return;
  partition.at_end = true;
  partition.end_time = absl::Now();
  partition.oldest = absl::InfiniteFuture();
}

void KafkaConsumer::Impl::ShowLag() {
  if (partitions_.empty()) return;
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& [number, partition] : partitions_) oldest = std::min(oldest, partition.oldest);
  if (oldest == absl::InfiniteFuture()) {
    delivery_.NothingToDo();
  } else {
    delivery_.SetOldest(oldest);
  }
}

absl::Status KafkaConsumer::Impl::TakeRecord(KafkaMessage message, KafkaPartition& partition) {
  delivery_.Heard();
  partition.at_end = partition.end_follows = false;
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

absl::Status KafkaConsumer::Impl::Deal(const rd_kafka_message_t& message,
                                       KafkaPartition& partition) {
  const FollowResponse response = ResponseOf(RecordOf(message));
  partition.oldest = response.event().has_time() ? TimeOf(response.event()) : WrittenTime(message);
  ASSIGN_OR_RETURN(const bool passed_by, progress_.IsOfAnotherEpoch(response));
  const auto save_offset = [&](sql::Transaction& tx) {
    return SaveOffset(tx, delivery_.name(), topic_.topic, message.partition, message.offset + 1);
  };
  if (passed_by) {
    RETURN_IF_ERROR(delivery_.db().Run(save_offset));
    partition.checks_last = false;
  } else if (partition.checks_last && message.offset + 1 == partition.next) {
    return CheckLast(response, message, partition);
  } else {
    RETURN_IF_ERROR(CheckGap(response, message, partition));
    RETURN_IF_ERROR(delivery_.Deliver(response, save_offset));
    partition.checks_last = false;
  }
  partition.next = message.offset + 1;
  progress_.SetBehind();
  return absl::OkStatus();
}

absl::Status KafkaConsumer::Impl::CheckLast(const FollowResponse& response,
                                            const rd_kafka_message_t& message,
                                            KafkaPartition& partition) {
  bool known = false;
  RETURN_IF_ERROR(delivery_.db().Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(known, WasDealtWith(tx, delivery_.name(), response.event()));
    return absl::OkStatus();
  }));
  partition.checks_last = false;
  if (known) return absl::OkStatus();
  // The topic was lost and made again, or a broker lost the end of the partition. What is known of
  // what is there now is dropped by the inbox.
  log::Warning("partition is not the one that was read: reading all of it",
               {{"consumer", delivery_.name()}, {"partition", message.partition}});
  partition = KafkaPartition();
  return SeekToBeginning(client_.get(), topic_.topic, message.partition);
}

absl::Status KafkaConsumer::Impl::CheckGap(const FollowResponse& response,
                                           const rd_kafka_message_t& message,
                                           const KafkaPartition& partition) {
  if (partition.next == message.offset || !response.has_position()) return absl::OkStatus();
  const absl::Status status = progress_.CheckEarlier(response);
  if (ErrorReason(status) != kEventsMissing || message.offset != 0) return status;
  // Of this partition nothing was cut off. What is missing is what another one keeps waiting.
  const bool explained = std::any_of(partitions_.begin(), partitions_.end(), [](const auto& other) {
    return !other.second.held.empty() && !other.second.awaits_earlier;
  });
  return explained ? absl::OkStatus() : status;
}

void KafkaConsumer::Impl::Hold(KafkaMessage message, KafkaPartition& partition,
                               const absl::Status& failure) {
  const bool awaits = ErrorReason(failure) == kEventsMissing;
  if (awaits && !std::exchange(partition.awaits_earlier, awaits)) {
    log::Info("waiting for what came before",
              {{"consumer", delivery_.name()}, {"partition", message->partition}});
  }
  if (ErrorReason(failure) == kTooManyParked) stopped_until_ = absl::Now() + kStoppedPause;
  // From now on it gets no more than what was on its way, which kKafkaFetchedKilobytes bounds.
  SetPaused(message->partition, true);
  partition.held.push_front(std::move(message));
  partition.retry_time = std::max(absl::Now() + partition.backoff, stopped_until_);
  partition.awaits_earlier = awaits;
  // What another partition or process brings may be there in a moment.
  if (!awaits) partition.backoff = std::min(2 * partition.backoff, kLongestBackoff);
}

absl::Status KafkaConsumer::Impl::RetryHeld() {
  for (auto& [number, partition] : partitions_) {
    if (partition.held.empty() || absl::Now() < std::max(partition.retry_time, stopped_until_)) {
      continue;
    }
    while (!partition.held.empty()) {
      KafkaMessage message = std::move(partition.held.front());
      partition.held.pop_front();
      const absl::Status status = Deal(*message, partition);
      if (ErrorReason(status) == kEpochUnknown) return status;
      if (!status.ok()) {
        Hold(std::move(message), partition, status);
        break;
      }
      partition.backoff = kFirstBackoff;
      partition.awaits_earlier = false;
    }
    if (!partition.held.empty()) continue;
    SetPaused(number, false);
    TakeEnd(partition);
  }
  return absl::OkStatus();
}

void KafkaConsumer::Impl::SetPaused(int32_t partition, bool paused) {
  const absl::Status done = PausePartition(client_.get(), topic_.topic, partition, paused);
  if (!done.ok()) log::Warning("partition not paused or resumed", {{"status", done}});
}

void KafkaConsumer::Impl::Rebalance(rd_kafka_resp_err_t what,
                                    rd_kafka_topic_partition_list_t* list) {
  assigned_ = true;
  rd_kafka_error_t* failed = nullptr;
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
    KafkaPartition& partition = partitions_[one.partition];
    partition = KafkaPartition();
    // Without one it begins where the topic does, and looks whether something is missing.
    one.offset = RD_KAFKA_OFFSET_BEGINNING;
    const auto found = offsets.find(one.partition);
    if (found == offsets.end() || found->second == 0) continue;
    partition.next = found->second;
    partition.checks_last = true;
    one.offset = found->second - 1;
  }
}

KafkaConsumer::KafkaConsumer(ConsumerParts parts, KafkaTopic topic, std::string group,
                             EpochSource epoch_source, absl::Duration session_timeout)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(topic), std::move(group),
                                   std::move(epoch_source), session_timeout)) {}

KafkaConsumer::~KafkaConsumer() = default;

void KafkaConsumer::Start() { impl_->Start(); }

}  // namespace lgsp::events
