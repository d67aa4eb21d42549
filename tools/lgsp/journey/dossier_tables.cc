#include "tools/lgsp/journey/dossier_tables.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "tools/lgsp/databases.h"

namespace lgsp::cli {
namespace {

using dossiers::v1::Dossier;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kVietnamOffset = absl::Hours(7);

std::string StateName(int64_t state) {
  return Dossier::State_Name(static_cast<Dossier::State>(state));
}

std::string PlannedWay(const PlannedDossier& planned) {
  std::string way;
  for (const PlannedStep& step : planned.steps()) {
    absl::StrAppend(&way, way.empty() ? "" : " ", Dossier::State_Name(step.state()));
  }
  return way;
}

// `1 SUBMITTED 2 ACCEPTED …` must be counted without a gap; else the revisions are shown.
absl::StatusOr<std::string> WayOf(sql::Transaction& tx, const std::string& name) {
  ASSIGN_OR_RETURN(const sql::Result result,
                   tx.Execute("SELECT revision, state FROM transitions WHERE dossier = :name "
                              "ORDER BY revision",
                              {{"name", name}}));
  std::string way;
  int64_t expected = 0;
  for (const sql::Row& row : result.rows) {
    if (row.Int(0) != ++expected) absl::StrAppend(&way, " revision ", row.Int(0));
    absl::StrAppend(&way, way.empty() ? "" : " ", StateName(row.Int(1)));
  }
  return way;
}

absl::StatusOr<int64_t> Count(sql::Transaction& tx, absl::string_view statement,
                              const std::string& dossier) {
  ASSIGN_OR_RETURN(const sql::Result result, tx.Execute(statement, {{"dossier", dossier}}));
  return result.rows.front().Int(0);
}

// The file that a document is kept in; empty: there is no such document.
absl::StatusOr<std::string> FileOf(sql::Transaction& tx, const std::string& document) {
  ASSIGN_OR_RETURN(
      const sql::Result result,
      tx.Execute("SELECT file FROM documents WHERE name = :name", {{"name", document}}));
  return result.rows.empty() ? std::string() : result.rows.front().Text(0);
}

// Exactly those that answers told of are there; what was reused is kept once.
absl::StatusOr<std::string> WrongDocuments(sql::Transaction& tx, const Outcome& outcome) {
  ASSIGN_OR_RETURN(
      const int64_t there,
      Count(tx, "SELECT COUNT(*) FROM documents WHERE dossier = :dossier", outcome.name));
  for (const AddedDocument& document : outcome.documents) {
    ASSIGN_OR_RETURN(const std::string file, FileOf(tx, document.name()));
    if (file.empty()) return absl::StrCat("lacks its document ", document.name());
    if (document.source().empty()) continue;
    ASSIGN_OR_RETURN(const std::string source, FileOf(tx, document.source()));
    if (file != source) {
      return absl::StrCat("has ", document.name(), " beside its source ", document.source());
    }
  }
  if (there == static_cast<int64_t>(outcome.documents.size())) return std::string();
  return absl::StrCat("has ", there, " documents instead of ", outcome.documents.size());
}

// What is wrong with its documents and results; empty: nothing.
absl::StatusOr<std::string> WrongPapers(sql::Transaction& tx, const PlannedDossier& planned,
                                        const Outcome& outcome) {
  int64_t signed_results = 0;
  for (const PlannedStep& step : planned.steps()) signed_results += step.has_sign_result() ? 1 : 0;
  ASSIGN_OR_RETURN(const std::string wrong, WrongDocuments(tx, outcome));
  if (!wrong.empty()) return wrong;
  ASSIGN_OR_RETURN(
      const int64_t results,
      Count(tx, "SELECT COUNT(*) FROM results WHERE dossier = :dossier", outcome.name));
  ASSIGN_OR_RETURN(const int64_t good,
                   Count(tx, "SELECT COUNT(*) FROM results WHERE dossier = :dossier AND state = 2",
                         outcome.name));
  if (results == signed_results && good == signed_results) return "";
  return absl::StrCat("has ", results, " results, ", good, " signed, instead of ", signed_results);
}

// What is wrong with one dossier; empty: nothing.
absl::StatusOr<std::string> WrongWith(sql::Transaction& tx, const PlannedDossier& planned,
                                      const Outcome& outcome) {
  ASSIGN_OR_RETURN(
      const sql::Result result,
      tx.Execute("SELECT state, code FROM dossiers WHERE name = :name", {{"name", outcome.name}}));
  if (result.rows.size() != 1) return absl::StrCat("is there ", result.rows.size(), " times");
  const sql::Row& row = result.rows.front();
  if (row.Int(0) != planned.end()) {
    return absl::StrCat("is ", StateName(row.Int(0)), " instead of ", StateName(planned.end()));
  }
  if (!row.IsNull(1) && row.Text(1) != outcome.portal_number) {
    return absl::StrCat("has the code ", row.Text(1), " instead of ", outcome.portal_number);
  }
  ASSIGN_OR_RETURN(const std::string way, WayOf(tx, outcome.name));
  if (way != PlannedWay(planned)) {
    return absl::StrCat("went ", way, " instead of ", PlannedWay(planned));
  }
  return WrongPapers(tx, planned, outcome);
}

}  // namespace

absl::StatusOr<DossierTables> DossierTables::Open(const DataFolder& folder) {
  sql::Options options;
  ASSIGN_OR_RETURN(options.url, DatabaseUrl(folder, "dossiers"));
  absl::string_view path = options.url;
  // It would be made.
  if (absl::ConsumePrefix(&path, "sqlite:") && access(std::string(path).c_str(), R_OK) != 0) {
    return MakeError(absl::StatusCode::kNotFound, "FILE_MISSING",
                     absl::StrCat(path, ": no database of dossiers"), {{"path", path}});
  }
  options.pool_size = 1;
  ASSIGN_OR_RETURN(std::unique_ptr<sql::Database> database, sql::Database::Open(options));
  return DossierTables(std::move(database));
}

absl::StatusOr<std::vector<Difference>> DossierTables::Compare(
    const Plan& plan, const std::vector<Outcome>& outcomes) const {
  std::vector<Difference> differences;
  RETURN_IF_ERROR(database_->Read([&](sql::Transaction& tx) -> absl::Status {
    for (const PlannedDossier& planned : plan.dossiers) {
      const Outcome& outcome = outcomes[static_cast<size_t>(planned.number() - 1)];
      if (!outcome.ended) continue;
      ASSIGN_OR_RETURN(const std::string wrong, WrongWith(tx, planned, outcome));
      if (wrong.empty()) continue;
      differences.push_back({Difference::Kind::kLost, planned.number(),
                             absl::StrCat("database: ", outcome.name, " ", wrong)});
    }
    return absl::OkStatus();
  }));
  return differences;
}

absl::StatusOr<Counts> DossierTables::CountTransitions() const {
  Counts counts;
  RETURN_IF_ERROR(database_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(
        const sql::Result result,
        // What insights counts: beginnings and ends.
        tx.Execute("SELECT settling_agency, state, (time + :offset) / :day, COUNT(*) "
                   "FROM transitions WHERE command IN ('submit', 'accept', 'complete', 'return', "
                   "'reject', 'withdraw', 'stop', 'expire') "
                   "GROUP BY settling_agency, state, (time + :offset) / :day",
                   {{"offset", absl::ToInt64Microseconds(kVietnamOffset)},
                    {"day", absl::ToInt64Microseconds(kDay)}}));
    for (const sql::Row& row : result.rows) {
      const std::string day = FormatDay(absl::CivilDay(1970, 1, 1) + row.Int(2));
      counts[{row.Text(0), StateName(row.Int(1)), day}] = row.Int(3);
    }
    return absl::OkStatus();
  }));
  return counts;
}

}  // namespace lgsp::cli
