#include "libs/events/offsets.h"

#include "libs/events/consumer.h"
#include "libs/events/delivery.h"
#include "libs/status/status.h"

namespace lgsp::events {
namespace {

using lgsp::events::v1::Position;

// Positions looked at in one statement.
constexpr int kAdvanceStep = 1000;

}  // namespace

absl::StatusOr<std::map<int32_t, int64_t>> ReadOffsets(sql::Transaction& tx,
                                                       absl::string_view consumer,
                                                       absl::string_view topic) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT part, next_offset FROM consumer_offsets "
                              "WHERE consumer = :consumer AND topic = :topic",
                              {{"consumer", consumer}, {"topic", topic}}));
  std::map<int32_t, int64_t> offsets;
  for (const sql::Row& row : found.rows) offsets[static_cast<int32_t>(row.Int(0))] = row.Int(1);
  return offsets;
}

absl::Status SaveOffset(sql::Transaction& tx, absl::string_view consumer, absl::string_view topic,
                        int32_t partition, int64_t next) {
  return tx
      .Execute(
          "INSERT INTO consumer_offsets (consumer, topic, part, next_offset) VALUES (:consumer, "
          ":topic, :part, :next) ON CONFLICT (consumer, topic, part) DO UPDATE SET next_offset = "
          ":next",
          {{"consumer", consumer}, {"topic", topic}, {"part", partition}, {"next", next}})
      .status();
}

absl::StatusOr<uint64_t> KeepEpoch(sql::Transaction& tx, absl::string_view consumer,
                                   uint64_t epoch) {
  ASSIGN_OR_RETURN(Position position, ConsumerPosition(tx, consumer));
  if (position.epoch() == 0 && epoch != 0) {
    position.set_epoch(epoch);
    RETURN_IF_ERROR(SavePosition(tx, consumer, position));
  }
  return position.epoch();
}

absl::StatusOr<bool> WasDealtWith(sql::Transaction& tx, absl::string_view consumer,
                                  const lgsp::events::v1::Event& event) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT n FROM inbox WHERE consumer = :consumer AND source = :source AND "
                 "event_id = :id",
                 {{"consumer", consumer}, {"source", event.source()}, {"id", event.id()}}));
  return !found.rows.empty();
}

absl::StatusOr<Advance> AdvancePosition(sql::Transaction& tx, absl::string_view consumer) {
  Advance advance;
  ASSIGN_OR_RETURN(advance.position, ConsumerPosition(tx, consumer));
  const uint64_t before = advance.position.n();
  uint64_t n = before;
  for (bool more = true; more && !advance.hole;) {
    ASSIGN_OR_RETURN(
        const sql::Result found,
        tx.Execute(
            "SELECT n FROM inbox WHERE consumer = :consumer AND n > :n "
            "ORDER BY n LIMIT :limit",
            {{"consumer", consumer}, {"n", static_cast<int64_t>(n)}, {"limit", kAdvanceStep}}));
    more = found.rows.size() == kAdvanceStep;
    for (const sql::Row& row : found.rows) {
      advance.hole = static_cast<uint64_t>(row.Int(0)) != n + 1;
      if (advance.hole) break;
      ++n;
    }
  }
  advance.position.set_n(n);
  if (n > before) RETURN_IF_ERROR(SavePosition(tx, consumer, advance.position));
  return advance;
}

}  // namespace lgsp::events
