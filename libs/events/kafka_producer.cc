#include "libs/events/kafka_producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <utility>

#include "libs/events/delivery.h"
#include "libs/events/kafka_record.h"
#include "libs/events/outbox.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::FollowResponse;
using lgsp::events::v1::Position;

// How long acknowledgements are awaited before the turn is renewed.
constexpr int kAwaitMs = 500;

const KafkaSettings& ProducerSettings() {
  static const KafkaSettings settings = {
      {"enable.idempotence", "true"},
      {"enable.gapless.guarantee", "true"},
      {"acks", "all"},
      // Java's partitioner: who reads by key finds the same partition.
      {"partitioner", "murmur2_random"},
      // Never given up: a gap would put a later event of a key before an earlier one.
      {"message.timeout.ms", "0"},
      {"linger.ms", "1"},
      {"queue.buffering.max.kbytes", "65536"},
  };
  return settings;
}

absl::Status Send(rd_kafka_t* client, const std::string& topic, const FollowResponse& response) {
  const auto& event = response.event();
  rd_kafka_headers_t* headers = rd_kafka_headers_new(16);
  for (const auto& [name, value] : HeadersOf(response)) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  const rd_kafka_resp_err_t failed = rd_kafka_producev(
      client, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_KEY(event.subject().data(), event.subject().size()),
      RD_KAFKA_V_VALUE(const_cast<char*>(event.data().data()), event.data().size()),
      RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
  if (failed == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  rd_kafka_headers_destroy(headers);
  return KafkaError(failed, "producing");
}

}  // namespace

KafkaProducer::KafkaProducer(sql::Database* db, const Clock* clock, metrics::Registry* metrics,
                             std::string source, KafkaTopic topic)
    : db_(db),
      clock_(clock),
      source_(std::move(source)),
      topic_(std::move(topic)),
      owner_(NewUuid(*clock)),
      produced_(metrics->GetCounter("events_produced_total", "Events that Kafka acknowledged.")),
      position_(metrics->GetGauge("events_production_position",
                                  "Position in the feed up to which Kafka has acknowledged.")),
      lag_seconds_(metrics->GetGauge(
          "events_production_lag_seconds",
          "Age of the oldest event that Kafka has not acknowledged; 0 when it has all.")),
      leads_(metrics->GetGauge("events_producer_leads",
                               "1: this process produces to Kafka; 0: another one does.")) {
  WarnOfPlaintext(topic_);
  thread_ = std::thread([this] { Run(); });
}

KafkaProducer::~KafkaProducer() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
  if (client_ != nullptr)
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  client_.reset();
  GiveUpTurn();
}

void KafkaProducer::GiveUpTurn() {
  const absl::Status given_up = db_->Run([&](sql::Transaction& tx) {
    return tx
        .Execute("UPDATE feed_production SET lease_until = 0 WHERE topic = :topic AND owner = :me",
                 {{"topic", topic_.topic}, {"me", owner_}})
        .status();
  });
  // Then the next one waits for the end of the lease.
  if (!given_up.ok()) log::Warning("producer's turn not given up", {{"status", given_up}});
}

void KafkaProducer::Notify() {
  absl::MutexLock lock(&mutex_);
  notified_ = true;
}

bool KafkaProducer::Stopping() {
  absl::MutexLock lock(&mutex_);
  return stop_;
}

void KafkaProducer::Run() {
  absl::Duration backoff = kFirstBackoff;
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || notified_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), kProductionPause);
      if (stop_) return;
      notified_ = false;
    }
    const absl::Status status = Produce();
    if (status.ok()) {
      backoff = kFirstBackoff;
      continue;
    }
    log::Error("events not produced", {{"topic", topic_.topic}, {"status", status}});
    // A new client begins behind what was acknowledged.
    client_.reset();
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stop_), backoff);
    backoff = std::min(backoff * 2, kLongestBackoff);
  }
}

absl::Status KafkaProducer::Produce() {
  for (;;) {
    int64_t n = 0;
    ASSIGN_OR_RETURN(const bool leads, TakeTurn(&n));
    leads_.Set(leads ? 1 : 0);
    if (!leads) {
      lag_seconds_.Set(0);
      client_.reset();
      return absl::OkStatus();
    }
    position_.Set(static_cast<double>(n));
    if (client_ == nullptr) {
      RETURN_IF_ERROR(ShowLag(n));
      RETURN_IF_ERROR(Connect());
      continue;  // it may have set back how far
    }
    ASSIGN_OR_RETURN(const int64_t count, ProduceBatch(n));
    if (count < kProductionBatch || Stopping()) return absl::OkStatus();
  }
}

absl::StatusOr<bool> KafkaProducer::TakeTurn(int64_t* n) {
  const absl::Time now = clock_->SecurityNow();
  bool leads = false, settled = false;
  // A look costs no commit.
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const sql::Result found,
                     tx.Execute("SELECT n, owner, lease_until FROM feed_production "
                                "WHERE topic = :topic",
                                {{"topic", topic_.topic}}));
    if (found.rows.empty()) return absl::OkStatus();
    const sql::Row& row = found.rows[0];
    leads = row.Text(1) == owner_;
    settled = row.Time(2) >= now + (leads ? kProductionLease / 2 : absl::ZeroDuration());
    *n = row.Int(0);
    return absl::OkStatus();
  }));
  if (settled) return leads;
  RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(
        const sql::Result taken,
        tx.Execute("INSERT INTO feed_production (topic, n, owner, lease_until) VALUES (:topic, 0, "
                   ":me, :until) ON CONFLICT (topic) DO UPDATE SET owner = :me, lease_until = "
                   ":until WHERE feed_production.owner = :me OR feed_production.lease_until < :now "
                   "RETURNING n",
                   {{"topic", topic_.topic},
                    {"me", owner_},
                    {"until", now + kProductionLease},
                    {"now", now}}));
    leads = !taken.rows.empty();
    if (leads) *n = taken.rows[0].Int(0);
    return absl::OkStatus();
  }));
  return leads;
}

absl::Status KafkaProducer::Connect() {
  failed_deliveries_ = 0;
  ASSIGN_OR_RETURN(client_, MakeKafkaClient(
                                false, topic_, ProducerSettings(),
                                [](rd_kafka_conf_t* conf, void* /*opaque*/) {
                                  rd_kafka_conf_set_dr_msg_cb(
                                      conf, [](rd_kafka_t* /*client*/,
                                               const rd_kafka_message_t* message, void* opaque) {
                                        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
                                        ++static_cast<KafkaProducer*>(opaque)->failed_deliveries_;
                                      });
                                },
                                this));
  RETURN_IF_ERROR(EnsureTopic(client_.get(), topic_));
  ASSIGN_OR_RETURN(const bool is_new, IsTopicNew(client_.get(), topic_));
  // A topic that was lost and made again gets the whole feed.
  return is_new ? SaveProduced(0) : absl::OkStatus();
}

absl::StatusOr<std::vector<FollowResponse>> KafkaProducer::ReadBehind(int64_t after, int limit) {
  std::vector<FollowResponse> batch;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(Position position, LastPosition(tx));
    position.set_n(static_cast<uint64_t>(after));
    ASSIGN_OR_RETURN(batch, ReadFeed(tx, source_, position, limit));
    return absl::OkStatus();
  }));
  return batch;
}

absl::Status KafkaProducer::ShowLag(int64_t after) {
  ASSIGN_OR_RETURN(const std::vector<FollowResponse> oldest, ReadBehind(after, 1));
  lag_seconds_.Set(
      oldest.empty() ? 0
                     : absl::ToDoubleSeconds(clock_->CivilNow() - TimeOf(oldest.front().event())));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> KafkaProducer::ProduceBatch(int64_t after) {
  ASSIGN_OR_RETURN(const std::vector<FollowResponse> batch, ReadBehind(after, kProductionBatch));
  if (batch.empty()) {
    lag_seconds_.Set(0);
    return 0;
  }
  for (const FollowResponse& response : batch) {
    RETURN_IF_ERROR(Send(client_.get(), topic_.topic, response));
  }
  RETURN_IF_ERROR(AwaitAcknowledgements(after, TimeOf(batch.front().event())));
  const auto n = static_cast<int64_t>(batch.back().position().n());
  RETURN_IF_ERROR(SaveProduced(n));
  produced_.Add(static_cast<double>(batch.size()));
  position_.Set(static_cast<double>(n));
  return static_cast<int64_t>(batch.size());
}

absl::Status KafkaProducer::AwaitAcknowledgements(int64_t after, absl::Time oldest) {
  while (rd_kafka_flush(client_.get(), kAwaitMs) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    lag_seconds_.Set(absl::ToDoubleSeconds(clock_->CivilNow() - oldest));
    if (Stopping()) return absl::CancelledError("stopping");
    int64_t n = 0;
    ASSIGN_OR_RETURN(const bool leads, TakeTurn(&n));
    if (!leads || n != after) {
      return MakeError(absl::StatusCode::kAborted, "PRODUCTION_TAKEN_OVER",
                       "another process produces now");
    }
    std::array<char, 256> text = {};
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client_.get(), text.data(), text.size());
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaError(fatal, text.data());
  }
  if (failed_deliveries_ == 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kUnavailable, "KAFKA_FAILED", "events were not delivered");
}

absl::Status KafkaProducer::SaveProduced(int64_t n) {
  return db_->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const sql::Result saved,
                     tx.Execute("UPDATE feed_production SET n = :n WHERE topic = :topic "
                                "AND owner = :me",
                                {{"n", n}, {"topic", topic_.topic}, {"me", owner_}}));
    if (saved.changed == 1) return absl::OkStatus();
    return MakeError(absl::StatusCode::kAborted, "PRODUCTION_TAKEN_OVER",
                     "another process produces now");
  });
}

}  // namespace lgsp::events
