#include "services/dossiers/catalogue/catalogue_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/message_differencer.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::MessageDifferencer;
using AllVersions = absl::btree_map<std::string, Catalogue::Versions>;

absl::StatusOr<Procedure> Parse(absl::string_view code, const std::string& body) {
  Procedure procedure;
  if (!procedure.ParseFromString(body)) {
    return MakeError(absl::StatusCode::kDataLoss, "PROCEDURE_UNREADABLE",
                     "a stored version of a procedure is damaged", {{"code", code}});
  }
  return procedure;
}

absl::StatusOr<AllVersions> ReadVersions(sql::Transaction& tx) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT code, body FROM procedure_versions ORDER BY code, version", {}));
  AllVersions all;
  for (const sql::Row& row : found.rows) {
    ASSIGN_OR_RETURN(Procedure procedure, Parse(row.Text(0), row.Blob(1)));
    all[row.Text(0)].push_back(std::move(procedure));
  }
  return all;
}

// What the two say of the procedure itself.
std::string Difference(Procedure before, Procedure after) {
  for (Procedure* one : {&before, &after}) {
    one->clear_version();
    one->clear_version_time();
  }
  std::string difference;
  // Bytes may differ where nothing does; the other way round they cannot.
  if (before.SerializeAsString() == after.SerializeAsString()) return difference;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  differencer.Compare(before, after);
  return difference;
}

// The versions to be added to what is `stored`, with why.
std::vector<std::pair<ProcedureChange, Procedure>> NewVersions(const AllVersions& stored,
                                                               const Catalogue& catalogue) {
  std::vector<std::pair<ProcedureChange, Procedure>> added;
  for (const auto& [code, versions] : catalogue.procedures()) {
    const Procedure& wanted = versions.back();
    const auto known = stored.find(code);
    if (known == stored.end()) {
      added.push_back({{ProcedureChange::Kind::kNew, code, ""}, wanted});
      added.back().second.set_version(1);
      continue;
    }
    const Procedure& newest = known->second.back();
    std::string difference = Difference(newest, wanted);
    if (difference.empty()) continue;
    added.push_back({{ProcedureChange::Kind::kChanged, code, std::move(difference)}, wanted});
    added.back().second.set_version(newest.version() + 1);
  }
  for (const auto& [code, versions] : stored) {
    const Procedure& newest = versions.back();
    if (catalogue.procedures().contains(code) || newest.withdrawn()) continue;
    added.push_back({{ProcedureChange::Kind::kWithdrawn, code, ""}, newest});
    added.back().second.set_withdrawn(true);
    added.back().second.set_version(newest.version() + 1);
  }
  return added;
}

}  // namespace

absl::StatusOr<std::vector<ProcedureChange>> CompareCatalogue(sql::Database& db,
                                                              const Catalogue& catalogue) {
  std::vector<ProcedureChange> changes;
  RETURN_IF_ERROR(db.Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const AllVersions stored, ReadVersions(tx));
    for (auto& [change, version] : NewVersions(stored, catalogue)) {
      changes.push_back(std::move(change));
    }
    return absl::OkStatus();
  }));
  return changes;
}

absl::StatusOr<std::vector<ProcedureChange>> ImportCatalogue(sql::Database& db, absl::Time now,
                                                             Catalogue& catalogue) {
  std::vector<ProcedureChange> changes;
  AllVersions stored;
  RETURN_IF_ERROR(db.Run([&](sql::Transaction& tx) -> absl::Status {
    changes.clear();
    ASSIGN_OR_RETURN(stored, ReadVersions(tx));
    for (auto& [change, version] : NewVersions(stored, catalogue)) {
      *version.mutable_version_time() = ToTimestamp(now);
      // Another process of the service may be importing the same.
      RETURN_IF_ERROR(
          tx.Execute("INSERT INTO procedure_versions (code, version, body) "
                     "VALUES (:code, :version, :body) ON CONFLICT (code, version) DO NOTHING",
                     {{"code", change.code},
                      {"version", version.version()},
                      {"body", sql::Bytes{version.SerializeAsString()}}})
              .status());
      changes.push_back(std::move(change));
    }
    ASSIGN_OR_RETURN(stored, ReadVersions(tx));
    return absl::OkStatus();
  }));
  catalogue.SetProcedures(std::move(stored));
  catalogue.KeepWhatDecides();
  return changes;
}

absl::StatusOr<Procedure> LoadProcedure(sql::Transaction& tx, absl::string_view code,
                                        int64_t version) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT body FROM procedure_versions WHERE code = :code "
                              "AND (version = :version OR :version = 0) "
                              "ORDER BY version DESC LIMIT 1",
                              {{"code", code}, {"version", version}}));
  if (found.rows.empty()) return ProcedureUnknown(code);
  ASSIGN_OR_RETURN(Procedure procedure, Parse(code, found.rows[0].Blob(0)));
  if (version == 0 && procedure.withdrawn()) return ProcedureUnknown(code);
  return procedure;
}

std::string DescribeChange(const ProcedureChange& change) {
  switch (change.kind) {
    case ProcedureChange::Kind::kNew:
      return absl::StrCat("new ", change.code, "\n");
    case ProcedureChange::Kind::kWithdrawn:
      return absl::StrCat("withdrawn ", change.code, "\n");
    case ProcedureChange::Kind::kChanged:
      break;
  }
  std::string text = absl::StrCat("changed ", change.code, "\n", change.difference);
  if (text.back() == '\n') text.pop_back();
  return absl::StrCat(absl::StrReplaceAll(text, {{"\n", "\n  "}}), "\n");
}

}  // namespace lgsp::dossiers
