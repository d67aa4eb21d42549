// Counts of dossiers: made from events, read by pages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/events/v1/feed.pb.h"
#include "lgsp/insights/v1/insights.pb.h"
#include "libs/sql/sql.h"

namespace lgsp::insights {

// The consumer's name in consumer_positions and metrics.
inline constexpr char kConsumer[] = "dossier-counts";

// A dossier entered a state.
struct StateEntered {
  std::string agency;
  // As in lgsp.dossiers.v1.Dossier.State, `ACCEPTED`.
  std::string state;
  // `YYYY-MM-DD`, UTC+7.
  std::string day;
};

// PURE: what an event of `dossiers` tells; nothing for kinds of events that are not counted.
// DATA_LOSS EVENT_UNREADABLE when the event is not what its type says.
absl::StatusOr<std::optional<StateEntered>> ReadEvent(const lgsp::events::v1::Event& event);

// The effect of one event (an events::Handler).
absl::Status CountEvent(sql::Transaction& tx, const lgsp::events::v1::Event& event);

// At most `limit` counts in the order agency, state, day, after the place (agency, state, day).
absl::StatusOr<std::vector<lgsp::insights::v1::DossierCount>> ReadCounts(
    sql::Transaction& tx, const lgsp::insights::v1::ListDossierCountsRequest& request,
    const std::vector<std::string>& after, int limit);

}  // namespace lgsp::insights
