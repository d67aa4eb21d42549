// Keys that wait for an operator: an event that cannot be dealt with, and all later ones of its
// key, in order. DESIGN.md section 5.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/events/v1/parked.pb.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// Keys of one consumer that may be parked, and events of one key. Beyond, the consumer stops: so
// many failures are not of their events.
inline constexpr int64_t kMaxParkedKeys = 100;
inline constexpr int64_t kMaxParkedEvents = 1000;

// The reason of the FAILED_PRECONDITION with which Park and JoinParked refuse one more.
inline constexpr char kTooManyParked[] = "EVENTS_TOO_MANY_PARKED";

// Parks the key of an event, which failed with `failure`, with the event; one more event when the
// key is parked already.
absl::Status Park(sql::Transaction& tx, absl::string_view consumer,
                  const lgsp::events::v1::FollowResponse& response, const absl::Status& failure,
                  absl::Time now);

// Adds the event to those of its key and answers true, when the key is parked.
absl::StatusOr<bool> JoinParked(sql::Transaction& tx, absl::string_view consumer,
                                const lgsp::events::v1::FollowResponse& response);

// Of one consumer, in the order of their keys.
absl::StatusOr<std::vector<lgsp::events::v1::ParkedKey>> ListParkedKeys(sql::Transaction& tx,
                                                                        absl::string_view consumer);

// An event and its place within its key.
struct ParkedEvent {
  int64_t n = 0;
  lgsp::events::v1::FollowResponse response;
};

// At most `limit` events of a key behind place `after`, in order.
absl::StatusOr<std::vector<ParkedEvent>> ListParkedEvents(sql::Transaction& tx,
                                                          absl::string_view consumer,
                                                          absl::string_view key, int64_t after,
                                                          int limit);

// How many events of `key` are parked. Locks the key: until the end of the transaction nothing
// joins. NOT_FOUND PARKED_KEY_UNKNOWN.
absl::StatusOr<int64_t> LockParkedKey(sql::Transaction& tx, absl::string_view consumer,
                                      absl::string_view key);

// Takes the first `count` events of a locked key away; a key that has none left is free. Answers
// how many are left.
absl::StatusOr<int64_t> RemoveParked(sql::Transaction& tx, absl::string_view consumer,
                                     absl::string_view key, int64_t count);

// Keeps why the first event of `key` failed this time.
absl::Status SaveParkedFailure(sql::Transaction& tx, absl::string_view consumer,
                               absl::string_view key, const absl::Status& failure, absl::Time now);

// How many keys of a consumer are parked, their events, and since when the oldest; nothing parked:
// zeros and the infinite future.
struct ParkedCounts {
  int64_t keys = 0;
  int64_t events = 0;
  absl::Time oldest = absl::InfiniteFuture();
};
absl::StatusOr<ParkedCounts> CountParked(sql::Transaction& tx, absl::string_view consumer);

}  // namespace lgsp::events
