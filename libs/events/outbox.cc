#include "libs/events/outbox.h"

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/time_util.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

// 48 random bits beneath a 1: two databases never share an epoch by chance, it is never 0, and JSON
// numbers hold it.
int64_t NewEpoch() {
  int64_t epoch = 1;
  for (const char c : keys::RandomBytes(6)) epoch = (epoch << 8) | static_cast<unsigned char>(c);
  return epoch;
}

}  // namespace

using lgsp::events::v1::FollowResponse;
using lgsp::events::v1::Position;

absl::Status Outbox::Add(sql::Transaction& tx, const NewEvent& event) const {
  std::string payload;
  if (!google::protobuf::util::MessageToJsonString(*event.data, &payload).ok() ||
      payload.size() > kMaxEventBytes || event.subject.size() > kMaxSubjectBytes) {
    return MakeError(absl::StatusCode::kInvalidArgument, "EVENT_INVALID",
                     "the event or its subject is too large, or it has no JSON form",
                     {{"type", event.data->GetDescriptor()->full_name()}});
  }
  const bool sequenced = engine_ == sql::Database::Engine::kPostgres;
  ASSIGN_OR_RETURN(
      const sql::Result added,
      tx.Execute(
          sequenced
              ? "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, revision, "
                "time, audience, traceparent) SELECT :id, :aggregatetype, :aggregateid, :type, "
                ":payload, :revision, :time, :audience, :traceparent WHERE NOT EXISTS (SELECT 1 "
                "FROM feed WHERE aggregateid = :aggregateid AND revision = :revision)"
              : "INSERT INTO feed (position, id, aggregatetype, aggregateid, type, payload, "
                "revision, time, audience, traceparent) VALUES ((SELECT COALESCE(MAX(position), 0) "
                "+ 1 FROM feed), :id, :aggregatetype, :aggregateid, :type, :payload, :revision, "
                ":time, :audience, :traceparent)",
          {{"id", NewUuid(*clock_)},
           {"aggregatetype", event.subject.substr(0, event.subject.find('/'))},
           {"aggregateid", event.subject},
           {"type", event.data->GetDescriptor()->full_name()},
           {"payload", payload},
           {"revision", event.revision},
           {"time", event.time},
           {"audience", absl::StrJoin(event.audience, " ")},
           {"traceparent", event.traceparent}}));
  if (added.changed == 1) return absl::OkStatus();
  return MakeError(absl::StatusCode::kAlreadyExists, "EVENT_TOLD",
                   "the aggregate has an event of this revision");
}

absl::StatusOr<Position> LastPosition(sql::Transaction& tx) {
  Position position;
  ASSIGN_OR_RETURN(const sql::Result rows,
                   tx.Execute("SELECT (SELECT epoch FROM feed_epoch), "
                              "(SELECT COALESCE(MAX(position), 0) FROM feed)"));
  if (!rows.rows[0].IsNull(0)) position.set_epoch(static_cast<uint64_t>(rows.rows[0].Int(0)));
  position.set_n(static_cast<uint64_t>(rows.rows[0].Int(1)));
  return position;
}

absl::Status EnsureEpoch(sql::Database& db) {
  const int64_t epoch = NewEpoch();
  return db.Run([&](sql::Transaction& tx) {
    return tx
        .Execute(
            "INSERT INTO feed_epoch (one, epoch) VALUES (1, :epoch) ON CONFLICT (one) DO NOTHING",
            {{"epoch", epoch}})
        .status();
  });
}

absl::StatusOr<Position> RaiseEpoch(sql::Database& db) {
  const int64_t epoch = NewEpoch();
  Position position;
  RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
    RETURN_IF_ERROR(
        tx.Execute("UPDATE feed_epoch SET epoch = :epoch", {{"epoch", epoch}}).status());
    // Who produces at this moment produces the old epoch: its turn is over.
    RETURN_IF_ERROR(
        tx.Execute("UPDATE feed_production SET n = 0, owner = '', lease_until = 0").status());
    ASSIGN_OR_RETURN(position, LastPosition(tx));
    return absl::OkStatus();
  }));
  return position;
}

absl::StatusOr<std::vector<FollowResponse>> ReadFeed(sql::Transaction& tx, absl::string_view source,
                                                     const Position& after, int limit) {
  ASSIGN_OR_RETURN(
      const sql::Result rows,
      tx.Execute("SELECT position, id, aggregateid, type, payload, revision, time, audience, "
                 "traceparent FROM feed WHERE position > :after ORDER BY position LIMIT :limit",
                 {{"after", static_cast<int64_t>(after.n())}, {"limit", limit}}));
  std::vector<FollowResponse> out;
  out.reserve(rows.rows.size());
  for (const sql::Row& row : rows.rows) {
    FollowResponse& response = out.emplace_back();
    response.mutable_position()->set_epoch(after.epoch());
    response.mutable_position()->set_n(static_cast<uint64_t>(row.Int(0)));
    auto* event = response.mutable_event();
    event->set_id(row.Text(1));
    event->set_source(std::string(source));
    event->set_subject(row.Text(2));
    event->set_type(row.Text(3));
    event->set_data(row.Text(4));
    event->set_revision(row.Int(5));
    *event->mutable_time() = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(row.Int(6));
    for (const absl::string_view agency : absl::StrSplit(row.Text(7), ' ', absl::SkipEmpty())) {
      event->add_audience(std::string(agency));
    }
    event->set_traceparent(row.Text(8));
  }
  return out;
}

}  // namespace lgsp::events
