// SQL of reports on the portal's copies: which dossiers the portal should know, and what operators
// ordered.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/sql/sql.h"

namespace lgsp::dossiers {

// A place in the order of submission; microseconds.
struct ToldDossier {
  int64_t submit_time = std::numeric_limits<int64_t>::min();
  std::string name = {};
};

// Dossiers that the portal should know and that were submitted before `before`, the first `limit`
// after `after`. `state`: only those whose portal_sync stands so; unspecified: all.
absl::StatusOr<std::vector<ToldDossier>> ListToldDossiers(sql::Transaction& tx,
                                                          v1::PortalSync::State state,
                                                          int64_t before, const ToldDossier& after,
                                                          int limit);

// Since when the portal has not been told everything of a dossier that it should know;
// FAILED_PRECONDITION PORTAL_COPY_UNKNOWN.
absl::StatusOr<absl::Time> UnsyncedTime(sql::Transaction& tx, absl::string_view dossier);

// One command of an operator, as it is kept for audit.
struct PortalRepair {
  std::string id;
  std::string dossier;
  int64_t revision = 0;
  bool ordered = false;
  std::string system;
  std::string operator_id;
  std::string traceparent;
};
absl::Status SaveRepair(sql::Transaction& tx, const PortalRepair& repair, absl::Time now);

}  // namespace lgsp::dossiers
