#include "services/dossiers/portal/portal_report_store.h"

#include "libs/status/status.h"
#include "services/dossiers/portal/portal_report_errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::PortalSync;

constexpr char kAny[] =
    "SELECT submit_time, dossier FROM portal_syncs WHERE (submit_time, dossier) > (:time, :name) "
    "AND submit_time < :before ORDER BY submit_time, dossier LIMIT :limit";
constexpr char kSynced[] =
    "SELECT submit_time, dossier FROM portal_syncs WHERE (submit_time, dossier) > (:time, :name) "
    "AND submit_time < :before AND state = 3 ORDER BY submit_time, dossier LIMIT :limit";
// `state <> 3` besides: by it the index of the few is found.
constexpr char kUnsynced[] =
    "SELECT submit_time, dossier FROM portal_syncs WHERE state = :state AND state <> 3 "
    "AND (submit_time, dossier) > (:time, :name) AND submit_time < :before "
    "ORDER BY submit_time, dossier LIMIT :limit";

static_assert(PortalSync::SYNCED == 3);

absl::StatusOr<sql::Result> Select(sql::Transaction& tx, PortalSync::State state, int64_t before,
                                   const ToldDossier& after, int limit) {
  const bool unsynced = state == PortalSync::PENDING || state == PortalSync::FAILED;
  if (unsynced) {
    return tx.Execute(kUnsynced, {{"state", static_cast<int>(state)},
                                  {"time", after.submit_time},
                                  {"name", after.name},
                                  {"before", before},
                                  {"limit", limit}});
  }
  return tx.Execute(
      state == PortalSync::SYNCED ? kSynced : kAny,
      {{"time", after.submit_time}, {"name", after.name}, {"before", before}, {"limit", limit}});
}

}  // namespace

absl::StatusOr<std::vector<ToldDossier>> ListToldDossiers(sql::Transaction& tx,
                                                          PortalSync::State state, int64_t before,
                                                          const ToldDossier& after, int limit) {
  ASSIGN_OR_RETURN(const sql::Result found, Select(tx, state, before, after, limit));
  std::vector<ToldDossier> told;
  for (const sql::Row& row : found.rows) told.push_back({row.Int(0), row.Text(1)});
  return told;
}

absl::StatusOr<absl::Time> UnsyncedTime(sql::Transaction& tx, absl::string_view dossier) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT unsynced_time FROM portal_syncs WHERE dossier = :dossier",
                              {{"dossier", dossier}}));
  if (found.rows.empty()) return PortalCopyUnknown(dossier);
  return found.rows[0].Time(0);
}

absl::Status SaveRepair(sql::Transaction& tx, const PortalRepair& repair, absl::Time now) {
  return tx
      .Execute(
          "INSERT INTO portal_repairs (id, dossier, revision, ordered, system, operator_id, "
          "traceparent, time) VALUES (:id, :dossier, :revision, :ordered, :system, :operator_id, "
          ":traceparent, :time)",
          {{"id", repair.id},
           {"dossier", repair.dossier},
           {"revision", repair.revision},
           {"ordered", repair.ordered ? 1 : 0},
           {"system", repair.system},
           {"operator_id", repair.operator_id},
           {"traceparent", repair.traceparent},
           {"time", now}})
      .status();
}

}  // namespace lgsp::dossiers
