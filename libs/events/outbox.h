// Publishing: an event is part of the transaction of what it tells. DESIGN.md section 5.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/clock/clock.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// What is to be told.
struct NewEvent {
  // Resource name of the aggregate (`dossiers/0197…`) and its revision that this event made.
  std::string subject;
  int64_t revision = 0;
  absl::Time time;
  // The agencies concerned.
  std::vector<std::string> audience;
  std::string traceparent;
  // The fact: a message of `lgsp/<service>/v1/events.proto`. No personal data.
  const google::protobuf::Message* data = nullptr;
};

// An event larger than this, as JSON, is a mistake: events say that something happened, not what it
// consists of.
inline constexpr size_t kMaxEventBytes = 64 << 10;

// Ids and keys are parts of keys in the databases of consumers, which have limits of their own.
inline constexpr size_t kMaxEventIdBytes = 128;
inline constexpr size_t kMaxSourceBytes = 256;
inline constexpr size_t kMaxSubjectBytes = 512;

// The only way to publish. Thread-safe, without state.
class Outbox {
 public:
  // `engine`: of the database that it publishes from. On PostgreSQL an event comes into the feed by
  // the Sequencer.
  Outbox(const Clock* clock, sql::Database::Engine engine) : clock_(clock), engine_(engine) {}

  // ALREADY_EXISTS when the aggregate has an event of this revision; INVALID_ARGUMENT EVENT_INVALID
  // when it or its subject is too large or it has no JSON form.
  absl::Status Add(sql::Transaction& tx, const NewEvent& event) const;

 private:
  const Clock* const clock_;
  const sql::Database::Engine engine_;
};

// Makes the epoch of this database, unless it has one.
absl::Status EnsureEpoch(sql::Database& db);
// Makes another epoch after a restore, and has the whole feed produced again to every topic; the
// position of the last event.
absl::StatusOr<lgsp::events::v1::Position> RaiseEpoch(sql::Database& db);
// The position of the last event; n is 0 when there is none, epoch 0 when none was made.
absl::StatusOr<lgsp::events::v1::Position> LastPosition(sql::Transaction& tx);

// At most `limit` events after `after`, in order. `source` as in Event.source.
absl::StatusOr<std::vector<lgsp::events::v1::FollowResponse>> ReadFeed(
    sql::Transaction& tx, absl::string_view source, const lgsp::events::v1::Position& after,
    int limit);

}  // namespace lgsp::events
