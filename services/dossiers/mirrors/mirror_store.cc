#include "services/dossiers/mirrors/mirror_store.h"

#include <utility>

#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Mirror;

absl::StatusOr<Mirror> Parse(const std::string& body) {
  Mirror mirror;
  if (mirror.ParseFromString(body)) return mirror;
  return MakeError(absl::StatusCode::kDataLoss, "DOSSIER_UNREADABLE",
                   "the stored mirror is damaged");
}

absl::Status Count(sql::Transaction& tx, const Mirror& mirror, int by) {
  return tx
      .Execute(
          "INSERT INTO mirror_counts (agency, portal_status, count) VALUES (:agency, :status, :by) "
          "ON CONFLICT (agency, portal_status) DO UPDATE SET count = mirror_counts.count + :by",
          {{"agency", mirror.agency()}, {"status", mirror.portal_status()}, {"by", by}})
      .status();
}

// Those of one agency and status wait for each other, in one order.
absl::Status CountMove(sql::Transaction& tx, const Mirror& before, const Mirror& after) {
  const auto key = [](const Mirror& m) { return std::pair(m.agency(), m.portal_status()); };
  if (key(before) == key(after)) return absl::OkStatus();
  const bool in_order = key(before) < key(after);
  RETURN_IF_ERROR(in_order ? Count(tx, before, -1) : Count(tx, after, 1));
  return in_order ? Count(tx, after, 1) : Count(tx, before, -1);
}

}  // namespace

absl::StatusOr<std::optional<Mirror>> FindMirror(sql::Transaction& tx, absl::string_view code) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT body FROM mirrors WHERE code = :code", {{"code", code}}));
  if (found.rows.empty()) return std::optional<Mirror>();
  ASSIGN_OR_RETURN(Mirror mirror, Parse(found.rows[0].Blob(0)));
  return std::optional<Mirror>(std::move(mirror));
}

absl::Status SaveMirror(sql::Transaction& tx, const std::optional<Mirror>& before,
                        const Mirror& mirror) {
  if (!before.has_value()) {
    ASSIGN_OR_RETURN(const sql::Result inserted,
                     tx.Execute("INSERT INTO mirrors (code, agency, portal_status, event_time, "
                                "body) VALUES (:code, :agency, :status, :event_time, :body) "
                                "ON CONFLICT (code) DO NOTHING",
                                {{"code", mirror.code()},
                                 {"agency", mirror.agency()},
                                 {"status", mirror.portal_status()},
                                 {"event_time", ToTime(mirror.event_time())},
                                 {"body", sql::Bytes{mirror.SerializeAsString()}}}));
    return inserted.changed == 1 ? Count(tx, mirror, 1) : sql::RevisionConflict();
  }
  // As it was read: the counts move from there.
  ASSIGN_OR_RETURN(const sql::Result updated,
                   tx.Execute("UPDATE mirrors SET agency = :agency, portal_status = :status, "
                              "event_time = :event_time, body = :body "
                              "WHERE code = :code AND event_time = :before",
                              {{"code", mirror.code()},
                               {"agency", mirror.agency()},
                               {"status", mirror.portal_status()},
                               {"event_time", ToTime(mirror.event_time())},
                               {"body", sql::Bytes{mirror.SerializeAsString()}},
                               {"before", ToTime(before->event_time())}}));
  if (updated.changed != 1) return sql::RevisionConflict();
  return CountMove(tx, *before, mirror);
}

absl::StatusOr<std::vector<Mirror>> ReadMirrors(sql::Transaction& tx, absl::string_view agency,
                                                int portal_status, absl::string_view after,
                                                int limit) {
  const sql::Params of_status = {
      {"agency", agency}, {"status", portal_status}, {"after", after}, {"limit", limit}};
  const sql::Params of_all = {{"agency", agency}, {"after", after}, {"limit", limit}};
  ASSIGN_OR_RETURN(
      const sql::Result found,
      portal_status == 0
          ? tx.Execute("SELECT body FROM mirrors WHERE agency = :agency AND code > :after "
                       "ORDER BY code LIMIT :limit",
                       of_all)
          : tx.Execute("SELECT body FROM mirrors WHERE agency = :agency "
                       "AND portal_status = :status AND code > :after ORDER BY code LIMIT :limit",
                       of_status));
  std::vector<Mirror> mirrors;
  for (const sql::Row& row : found.rows) {
    ASSIGN_OR_RETURN(Mirror mirror, Parse(row.Blob(0)));
    mirrors.push_back(std::move(mirror));
  }
  return mirrors;
}

absl::StatusOr<std::map<int, int64_t>> CountMirrors(sql::Transaction& tx,
                                                    absl::string_view agency) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT portal_status, count FROM mirror_counts WHERE agency = :agency",
                 {{"agency", agency}}));
  std::map<int, int64_t> counts;
  for (const sql::Row& row : found.rows) counts[static_cast<int>(row.Int(0))] = row.Int(1);
  return counts;
}

}  // namespace lgsp::dossiers
