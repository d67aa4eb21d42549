#include "services/dossiers/dossier_list.h"

#include <algorithm>
#include <deque>
#include <tuple>
#include <utility>

#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/lifecycle.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Dossier;

// Of the counts of one agency and state.
constexpr int kShards = 16;
// Rows read from an agency's list at once, at least.
constexpr int kSmallestRead = 4;
// `~` sorts after every name.
constexpr char kAfterAllNames[] = "~";

constexpr char kAll[] =
    "SELECT due, name FROM dossier_list WHERE agency = :agency AND name < :after "
    "ORDER BY name DESC LIMIT :limit";
constexpr char kByState[] =
    "SELECT due, name FROM dossier_list WHERE agency = :agency AND state = :state "
    "AND name < :after AND (:procedure = '' OR procedure_code = :procedure) "
    "ORDER BY name DESC LIMIT :limit";
constexpr char kBySettling[] =
    "SELECT due, name FROM dossier_list WHERE agency = :agency AND settling = :settling "
    "AND state = :state AND name < :after "
    "AND (:procedure = '' OR procedure_code = :procedure) ORDER BY name DESC LIMIT :limit";
constexpr char kByProcedure[] =
    "SELECT due, name FROM dossier_list WHERE agency = :agency AND procedure_code = :procedure "
    "AND name < :after AND (:state = 0 OR state = :state) "
    "AND (:settling = '' OR settling = :settling) ORDER BY name DESC LIMIT :limit";
constexpr char kByOfficer[] =
    "SELECT due, name FROM dossier_list WHERE agency = :agency AND officer = :officer "
    "AND officer <> '' AND name < :after AND (:state = 0 OR state = :state) "
    "AND (:procedure = '' OR procedure_code = :procedure) ORDER BY name DESC LIMIT :limit";
constexpr char kByDue[] =
    "SELECT due, name FROM dossier_list WHERE agency = :agency AND due > 0 AND due >= :due "
    "AND due < :before AND (due > :due OR name > :after) AND (:state = 0 OR state = :state) "
    "AND (:procedure = '' OR procedure_code = :procedure) "
    "AND (:officer = '' OR officer = :officer) ORDER BY due, name LIMIT :limit";

// One range of one index.
struct Range {
  std::string agency;
  ListFilter filter;
  ListPlace at;
  std::deque<ListPlace> read;
  bool ended = false;
};

// Which index serves: the one of which the fewest rows are passed over. Of one procedure most
// dossiers have ended; of the open states an agency has few.
absl::StatusOr<sql::Result> ReadRange(sql::Transaction& tx, const Range& range, int limit) {
  const ListFilter& f = range.filter;
  const bool by_due = f.due_before > 0;
  const std::string after = range.at.name.empty() && !by_due ? kAfterAllNames : range.at.name;
  const sql::Param agency("agency", range.agency), from("after", after), most("limit", limit);
  const sql::Param state("state", static_cast<int>(f.state)), procedure("procedure", f.procedure);
  const sql::Param settling("settling", f.settling), officer("officer", f.officer);
  if (by_due) {
    return tx.Execute(kByDue, {agency,
                               from,
                               most,
                               state,
                               procedure,
                               officer,
                               {"due", range.at.due},
                               {"before", f.due_before}});
  }
  if (!f.officer.empty())
    return tx.Execute(kByOfficer, {agency, from, most, state, procedure, officer});
  const bool few = f.state != Dossier::STATE_UNSPECIFIED && !IsFinal(f.state);
  if (!f.procedure.empty() && !few) {
    return tx.Execute(kByProcedure, {agency, from, most, state, procedure, settling});
  }
  if (!f.settling.empty()) {
    return tx.Execute(kBySettling, {agency, from, most, state, procedure, settling});
  }
  if (f.state != Dossier::STATE_UNSPECIFIED) {
    return tx.Execute(kByState, {agency, from, most, state, procedure});
  }
  return tx.Execute(kAll, {agency, from, most});
}

absl::Status Refill(sql::Transaction& tx, int limit, Range& range) {
  if (!range.read.empty() || range.ended) return absl::OkStatus();
  ASSIGN_OR_RETURN(const sql::Result found, ReadRange(tx, range, limit));
  for (const sql::Row& row : found.rows) {
    range.read.push_back({range.filter.due_before > 0 ? row.Int(0) : 0, row.Text(1)});
  }
  range.ended = static_cast<int>(found.rows.size()) < limit;
  if (!range.read.empty()) range.at = range.read.back();
  return absl::OkStatus();
}

// Newest first; by due date the earliest first, and the oldest of those.
bool ComesBefore(const ListPlace& a, const ListPlace& b) {
  if (a.due != b.due) return a.due < b.due;
  return a.due > 0 ? a.name < b.name : a.name > b.name;
}

// The index by settling agency knows every state apart.
std::vector<Range> RangesOf(const std::vector<std::string>& agencies, const ListFilter& filter,
                            const ListPlace& after) {
  const bool by_settling = (filter.own || !filter.settling.empty()) && filter.procedure.empty() &&
                           filter.officer.empty() && filter.due_before == 0 &&
                           filter.state == Dossier::STATE_UNSPECIFIED;
  std::vector<Range> ranges;
  for (const std::string& agency : agencies) {
    ListFilter of_agency = filter;
    if (filter.own) of_agency.settling = agency;
    if (!by_settling) {
      ranges.push_back({agency, of_agency, after, {}, false});
      continue;
    }
    for (int state = Dossier::SUBMITTED; state <= Dossier::State_MAX; ++state) {
      ListFilter of_state = of_agency;
      of_state.state = static_cast<Dossier::State>(state);
      ranges.push_back({agency, of_state, after, {}, false});
    }
  }
  return ranges;
}

// (agency, settles, state) → how many more.
using Changes = std::map<std::tuple<std::string, int, int>, int>;

void Count(const std::vector<ListRow>& rows, int by, Changes& changes) {
  for (const ListRow& row : rows) {
    changes[{row.agency, row.settling == row.agency ? 1 : 0, static_cast<int>(row.state)}] += by;
  }
}

absl::Status AddCounts(sql::Transaction& tx, absl::string_view name, const Changes& changes) {
  // The last digit of a UUID is random.
  const int shard =
      name.empty() ? 0 : (name.back() <= '9' ? name.back() : name.back() + 9) % kShards;
  // In the order of their keys, so that no two transactions wait for each other.
  for (const auto& [key, by] : changes) {
    if (by == 0) continue;
    const auto& [agency, settles, state] = key;
    RETURN_IF_ERROR(tx.Execute("INSERT INTO dossier_counts (agency, settles, state, shard, count) "
                               "VALUES (:agency, :settles, :state, :shard, :by) "
                               "ON CONFLICT (agency, settles, state, shard) "
                               "DO UPDATE SET count = dossier_counts.count + :by",
                               {{"agency", agency},
                                {"settles", settles},
                                {"state", state},
                                {"shard", shard},
                                {"by", by}})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status PutRow(sql::Transaction& tx, absl::string_view name, const ListRow& row) {
  return tx
      .Execute(
          "INSERT INTO dossier_list (agency, name, state, settling, procedure_code, due, officer) "
          "VALUES (:agency, :name, :state, :settling, :procedure, :due, :officer) "
          "ON CONFLICT (agency, name) DO UPDATE SET state = :state, settling = :settling, "
          "due = :due, officer = :officer",
          {{"agency", row.agency},
           {"name", name},
           {"state", static_cast<int>(row.state)},
           {"settling", row.settling},
           {"procedure", row.procedure},
           {"due", row.due},
           {"officer", row.officer}})
      .status();
}

}  // namespace

std::vector<ListRow> ListRowsOf(const Dossier& dossier) {
  const bool open = !dossier.has_complete_time() && !IsFinal(dossier.state());
  std::vector<ListRow> rows;
  for (const std::string& agency : AgenciesOf(dossier)) {
    ListRow& row = rows.emplace_back();
    row.agency = agency;
    row.state = dossier.state();
    row.settling = dossier.settling_agency();
    row.procedure = dossier.procedure();
    if (!open || agency != dossier.settling_agency()) continue;
    if (dossier.has_due()) row.due = sql::Micros(ToTime(dossier.due().due_time()));
    row.officer = dossier.assigned_officer();
  }
  return rows;
}

absl::Status SetListRows(sql::Transaction& tx, absl::string_view name,
                         const std::vector<ListRow>& before, const std::vector<ListRow>& after) {
  const auto of_agency = [](const std::vector<ListRow>& rows, const std::string& agency) {
    return std::find_if(rows.begin(), rows.end(),
                        [&](const ListRow& row) { return row.agency == agency; });
  };
  for (const ListRow& row : after) {
    const auto old = of_agency(before, row.agency);
    if (old == before.end() || !(*old == row)) RETURN_IF_ERROR(PutRow(tx, name, row));
  }
  for (const ListRow& row : before) {
    if (of_agency(after, row.agency) != after.end()) continue;
    RETURN_IF_ERROR(tx.Execute("DELETE FROM dossier_list WHERE agency = :agency AND name = :name",
                               {{"agency", row.agency}, {"name", name}})
                        .status());
  }
  Changes changes;
  Count(before, -1, changes);
  Count(after, 1, changes);
  return AddCounts(tx, name, changes);
}

absl::StatusOr<std::vector<ListPlace>> ReadList(sql::Transaction& tx,
                                                const std::vector<std::string>& agencies,
                                                const ListFilter& filter, const ListPlace& after,
                                                int limit) {
  std::vector<Range> ranges = RangesOf(agencies, filter, after);
  const int ranges_count = std::max<int>(1, static_cast<int>(ranges.size()));
  // Of many lists each gives a little to a page.
  const int at_once = std::min(limit, std::max(kSmallestRead, 2 * limit / ranges_count));
  std::vector<ListPlace> places;
  while (static_cast<int>(places.size()) < limit) {
    Range* next = nullptr;
    for (Range& range : ranges) {
      RETURN_IF_ERROR(Refill(tx, at_once, range));
      if (range.read.empty()) continue;
      if (next == nullptr || ComesBefore(range.read.front(), next->read.front())) next = &range;
    }
    if (next == nullptr) break;
    // A dossier of several of the agencies comes from each.
    if (places.empty() || places.back().name != next->read.front().name) {
      places.push_back(next->read.front());
    }
    next->read.pop_front();
  }
  return places;
}

std::vector<absl::string_view> ListStatements() {
  return {kAll, kByState, kBySettling, kByProcedure, kByOfficer, kByDue};
}

absl::StatusOr<std::map<Dossier::State, int64_t>> CountSettled(sql::Transaction& tx,
                                                               absl::string_view agency) {
  ASSIGN_OR_RETURN(const sql::Result found, tx.Execute("SELECT state, count FROM dossier_counts "
                                                       "WHERE agency = :agency AND settles = 1",
                                                       {{"agency", agency}}));
  std::map<Dossier::State, int64_t> counts;
  for (const sql::Row& row : found.rows) {
    counts[static_cast<Dossier::State>(row.Int(0))] += row.Int(1);
  }
  return counts;
}

}  // namespace lgsp::dossiers
