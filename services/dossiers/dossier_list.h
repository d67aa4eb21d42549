// The lists of agencies: which dossiers they have, in order, by what they are filtered by, and how
// many. Every page is read from an index, whatever else there is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "libs/sql/sql.h"

namespace lgsp::dossiers {

// A dossier in the list of one agency.
struct ListRow {
  std::string agency;
  lgsp::dossiers::v1::Dossier::State state;
  std::string settling;
  std::string procedure;
  // Microseconds since 1970; 0: not open, not settled by this agency, or without a due date.
  int64_t due = 0;
  std::string officer;
  friend bool operator==(const ListRow&, const ListRow&) = default;
};

// The rows of a dossier, one per agency, in order of the agencies.
std::vector<ListRow> ListRowsOf(const lgsp::dossiers::v1::Dossier& dossier);

// Makes the lists and counts say `after` of dossier `name`, of which they said `before`.
absl::Status SetListRows(sql::Transaction& tx, absl::string_view name,
                         const std::vector<ListRow>& before, const std::vector<ListRow>& after);

// Empty, or 0: not asked for.
struct ListFilter {
  lgsp::dossiers::v1::Dossier::State state = lgsp::dossiers::v1::Dossier::STATE_UNSPECIFIED;
  std::string settling;
  // Of each agency only what it settles itself; instead of `settling`.
  bool own = false;
  std::string procedure;
  // Open dossiers that the agency settles and this officer has.
  std::string officer;
  // Open dossiers that the agency settles, due before this; the earliest first.
  int64_t due_before = 0;
};

// A place in a list: newest first, due is 0; with `due_before` by due date, the oldest first.
struct ListPlace {
  int64_t due = 0;
  // Empty: the beginning.
  std::string name;
};

// At most `limit` dossiers of any of `agencies` after `after`, each once.
absl::StatusOr<std::vector<ListPlace>> ReadList(sql::Transaction& tx,
                                                const std::vector<std::string>& agencies,
                                                const ListFilter& filter, const ListPlace& after,
                                                int limit);

// The statements that ReadList chooses from, for the test of their plans.
std::vector<absl::string_view> ListStatements();

// How many dossiers `agency` settles, by state.
absl::StatusOr<std::map<lgsp::dossiers::v1::Dossier::State, int64_t>> CountSettled(
    sql::Transaction& tx, absl::string_view agency);

}  // namespace lgsp::dossiers
