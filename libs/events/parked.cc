#include "libs/events/parked.h"

#include "absl/strings/escaping.h"
#include "google/protobuf/util/time_util.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using google::protobuf::util::TimeUtil;
using lgsp::events::v1::FollowResponse;
using lgsp::events::v1::ParkedKey;

// What is kept of a message; enough to know it by.
constexpr size_t kMaxMessage = 500;

// As TEXT can hold it.
std::string MessageOf(const absl::Status& failure) {
  return absl::Utf8SafeCEscape(absl::string_view(failure.message()).substr(0, kMaxMessage));
}

absl::Status TooMany(absl::string_view consumer) {
  return MakeError(absl::StatusCode::kFailedPrecondition, kTooManyParked,
                   "as much is parked as may be: replay or discard", {{"consumer", consumer}});
}

absl::Status AddEvent(sql::Transaction& tx, absl::string_view consumer, int64_t n,
                      const FollowResponse& response) {
  return tx
      .Execute(
          "INSERT INTO parked (consumer, subject, n, event_id, event) "
          "VALUES (:consumer, :subject, :n, :id, :event)",
          {{"consumer", consumer},
           {"subject", response.event().subject()},
           {"n", n},
           {"id", response.event().id()},
           {"event", sql::Bytes{response.SerializeAsString()}}})
      .status();
}

absl::StatusOr<ParkedEvent> ReadEvent(const sql::Row& row) {
  ParkedEvent event{row.Int(0), {}};
  if (event.response.ParseFromString(row.Blob(1))) return event;
  return MakeError(absl::StatusCode::kDataLoss, "PARKED_EVENT_UNREADABLE",
                   "a parked event is not what was written");
}

}  // namespace

absl::StatusOr<bool> JoinParked(sql::Transaction& tx, absl::string_view consumer,
                                const FollowResponse& response) {
  ASSIGN_OR_RETURN(
      const sql::Result key,
      tx.Execute("UPDATE parked_keys SET events = events + 1, last_n = last_n + 1 "
                 "WHERE consumer = :consumer AND subject = :subject RETURNING events, last_n",
                 {{"consumer", consumer}, {"subject", response.event().subject()}}));
  if (key.rows.empty()) return false;
  if (key.rows[0].Int(0) > kMaxParkedEvents) return TooMany(consumer);
  RETURN_IF_ERROR(AddEvent(tx, consumer, key.rows[0].Int(1), response));
  return true;
}

absl::Status Park(sql::Transaction& tx, absl::string_view consumer, const FollowResponse& response,
                  const absl::Status& failure, absl::Time now) {
  ASSIGN_OR_RETURN(const bool joined, JoinParked(tx, consumer, response));
  if (joined) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ParkedCounts counts, CountParked(tx, consumer));
  if (counts.keys >= kMaxParkedKeys) return TooMany(consumer);
  RETURN_IF_ERROR(
      tx.Execute("INSERT INTO parked_keys (consumer, subject, events, last_n, park_time, code, "
                 "reason, message, failure_time) VALUES (:consumer, :subject, 1, 1, :now, :code, "
                 ":reason, :message, :now)",
                 {{"consumer", consumer},
                  {"subject", response.event().subject()},
                  {"now", now},
                  {"code", static_cast<int64_t>(failure.code())},
                  {"reason", ErrorReason(failure)},
                  {"message", MessageOf(failure)}})
          .status());
  return AddEvent(tx, consumer, 1, response);
}

absl::StatusOr<std::vector<ParkedKey>> ListParkedKeys(sql::Transaction& tx,
                                                      absl::string_view consumer) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT k.subject, k.events, k.park_time, k.code, k.reason, k.message, "
                 "k.failure_time, p.n, p.event FROM parked_keys k JOIN parked p ON p.consumer = "
                 "k.consumer AND p.subject = k.subject AND p.n = k.last_n - k.events + 1 "
                 "WHERE k.consumer = :consumer ORDER BY k.subject LIMIT :limit",
                 {{"consumer", consumer}, {"limit", kMaxParkedKeys}}));
  std::vector<ParkedKey> keys;
  for (const sql::Row& row : found.rows) {
    ParkedKey& key = keys.emplace_back();
    key.set_consumer(std::string(consumer));
    key.set_key(row.Text(0));
    key.set_events(row.Int(1));
    *key.mutable_park_time() = TimeUtil::MicrosecondsToTimestamp(row.Int(2));
    const auto code = static_cast<absl::StatusCode>(row.Int(3));
    *key.mutable_failure() =
        ToRpcStatus(row.Text(4).empty() ? absl::Status(code, row.Text(5))
                                        : MakeError(code, row.Text(4), row.Text(5)));
    *key.mutable_failure_time() = TimeUtil::MicrosecondsToTimestamp(row.Int(6));
    FollowResponse first;
    if (!first.ParseFromString(row.Blob(8))) continue;
    key.set_first_event_id(first.event().id());
    key.set_first_event_type(first.event().type());
    key.set_first_event_revision(first.event().revision());
  }
  return keys;
}

absl::StatusOr<std::vector<ParkedEvent>> ListParkedEvents(sql::Transaction& tx,
                                                          absl::string_view consumer,
                                                          absl::string_view key, int64_t after,
                                                          int limit) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT n, event FROM parked WHERE consumer = :consumer AND subject = :key "
                 "AND n > :after ORDER BY n LIMIT :limit",
                 {{"consumer", consumer}, {"key", key}, {"after", after}, {"limit", limit}}));
  std::vector<ParkedEvent> events;
  for (const sql::Row& row : found.rows) {
    ASSIGN_OR_RETURN(events.emplace_back(), ReadEvent(row));
  }
  return events;
}

absl::StatusOr<int64_t> LockParkedKey(sql::Transaction& tx, absl::string_view consumer,
                                      absl::string_view key) {
  // Whoever joins has to wait for this row, and then sees what became of it.
  ASSIGN_OR_RETURN(const sql::Result locked,
                   tx.Execute("UPDATE parked_keys SET events = events "
                              "WHERE consumer = :consumer AND subject = :key RETURNING events",
                              {{"consumer", consumer}, {"key", key}}));
  if (!locked.rows.empty()) return locked.rows[0].Int(0);
  return MakeError(absl::StatusCode::kNotFound, "PARKED_KEY_UNKNOWN", "the key is not parked",
                   {{"consumer", consumer}, {"key", key}});
}

absl::StatusOr<int64_t> RemoveParked(sql::Transaction& tx, absl::string_view consumer,
                                     absl::string_view key, int64_t count) {
  ASSIGN_OR_RETURN(const sql::Result removed,
                   tx.Execute("DELETE FROM parked WHERE consumer = :consumer AND subject = :key "
                              "AND n <= (SELECT last_n - events + :count FROM parked_keys WHERE "
                              "consumer = :consumer AND subject = :key)",
                              {{"consumer", consumer}, {"key", key}, {"count", count}}));
  ASSIGN_OR_RETURN(
      const sql::Result left,
      tx.Execute("UPDATE parked_keys SET events = events - :removed WHERE consumer = "
                 ":consumer AND subject = :key RETURNING events",
                 {{"consumer", consumer}, {"key", key}, {"removed", removed.changed}}));
  const int64_t events = left.rows.empty() ? 0 : left.rows[0].Int(0);
  if (events > 0) return events;
  RETURN_IF_ERROR(tx.Execute("DELETE FROM parked_keys WHERE consumer = :consumer AND subject = "
                             ":key",
                             {{"consumer", consumer}, {"key", key}})
                      .status());
  return 0;
}

absl::Status SaveParkedFailure(sql::Transaction& tx, absl::string_view consumer,
                               absl::string_view key, const absl::Status& failure, absl::Time now) {
  return tx
      .Execute(
          "UPDATE parked_keys SET code = :code, reason = :reason, message = :message, "
          "failure_time = :now WHERE consumer = :consumer AND subject = :key",
          {{"consumer", consumer},
           {"key", key},
           {"code", static_cast<int64_t>(failure.code())},
           {"reason", ErrorReason(failure)},
           {"message", MessageOf(failure)},
           {"now", now}})
      .status();
}

absl::StatusOr<ParkedCounts> CountParked(sql::Transaction& tx, absl::string_view consumer) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT COUNT(*), CAST(COALESCE(SUM(events), 0) AS BIGINT), "
                              "MIN(park_time) FROM parked_keys WHERE consumer = :consumer",
                              {{"consumer", consumer}}));
  const sql::Row& row = found.rows[0];
  ParkedCounts counts{row.Int(0), row.Int(1), absl::InfiniteFuture()};
  if (!row.IsNull(2)) counts.oldest = row.Time(2);
  return counts;
}

}  // namespace lgsp::events
