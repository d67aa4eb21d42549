// What a consumer of partitions keeps in its database beside the inbox.
#pragma once

#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/events/v1/feed.pb.h"
#include "libs/sql/sql.h"

namespace lgsp::events {

// Where to read on in each partition of `topic`; none for those never read.
absl::StatusOr<std::map<int32_t, int64_t>> ReadOffsets(sql::Transaction& tx,
                                                       absl::string_view consumer,
                                                       absl::string_view topic);
absl::Status SaveOffset(sql::Transaction& tx, absl::string_view consumer, absl::string_view topic,
                        int32_t partition, int64_t next);

// The epoch that the consumer follows; `epoch` is kept when it has none yet.
absl::StatusOr<uint64_t> KeepEpoch(sql::Transaction& tx, absl::string_view consumer,
                                   uint64_t epoch);

// Whether the event is in the consumer's inbox.
absl::StatusOr<bool> WasDealtWith(sql::Transaction& tx, absl::string_view consumer,
                                  const lgsp::events::v1::Event& event);

struct Advance {
  lgsp::events::v1::Position position;
  // The event behind the position has not come, later ones have.
  bool hole = false;
};
// Events come from several partitions, in no order among them: moves the consumer's position as far
// as nothing is missing, and answers it.
absl::StatusOr<Advance> AdvancePosition(sql::Transaction& tx, absl::string_view consumer);

}  // namespace lgsp::events
