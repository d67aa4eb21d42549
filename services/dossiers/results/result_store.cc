#include "services/dossiers/results/result_store.h"

#include "absl/strings/str_cat.h"
#include "libs/aip/aip.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/part_names.h"
#include "services/dossiers/results/result_errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Result;

std::string SealContext(absl::string_view name) { return absl::StrCat("results.sealed\n", name); }

// A code is random, so its hash needs no key.
std::string CodeHash(absl::string_view code) {
  return keys::Sha256(absl::StrCat("results.code\n", code));
}

// Moves what is personal, or opens doors, out of `result`.
Result TakePersonal(Result& result) {
  Result personal;
  personal.mutable_sha256()->swap(*result.mutable_sha256());
  personal.mutable_title()->swap(*result.mutable_title());
  personal.mutable_number()->swap(*result.mutable_number());
  personal.mutable_reason()->swap(*result.mutable_reason());
  personal.mutable_revocation_reason()->swap(*result.mutable_revocation_reason());
  personal.mutable_signature()->swap(*result.mutable_signature());
  personal.mutable_verification_code()->swap(*result.mutable_verification_code());
  if (result.has_signer()) personal.mutable_signer()->Swap(result.mutable_signer());
  result.clear_signer();
  result.clear_etag();
  return personal;
}

// Columns name, body, sealed.
absl::StatusOr<Result> FromRow(const sql::Row& row, const keys::DataKey& dossier_key) {
  const std::string& name = row.Text(0);
  ASSIGN_OR_RETURN(const std::string opened,
                   keys::Open(dossier_key, row.Blob(2), SealContext(name)));
  Result result, personal;
  if (!result.ParseFromString(row.Blob(1)) || !personal.ParseFromString(opened)) {
    return MakeError(absl::StatusCode::kDataLoss, "SEALED_DATA_INVALID",
                     "the stored result is damaged", {{"name", name}});
  }
  result.MergeFrom(personal);
  result.set_etag(aip::Etag(name, result.revision()));
  return result;
}

// What insert and update write.
struct Columns {
  explicit Columns(const Result& result, const keys::DataKey& key) : plain(result) {
    const Result personal = TakePersonal(plain);
    if (!personal.verification_code().empty()) {
      code_hash = sql::Bytes{CodeHash(personal.verification_code())};
    }
    sealed = sql::Bytes{keys::Seal(key, personal.SerializeAsString(), SealContext(plain.name()))};
    body = sql::Bytes{plain.SerializeAsString()};
  }
  Result plain;
  sql::Value code_hash;
  sql::Bytes body, sealed;
};

}  // namespace

absl::Status InsertResult(sql::Transaction& tx, const Result& result,
                          const keys::DataKey& dossier_key) {
  const Columns columns(result, dossier_key);
  return tx
      .Execute(
          "INSERT INTO results (name, dossier, revision, state, code_hash, body, sealed) "
          "VALUES (:name, :dossier, :revision, :state, :code, :body, :sealed)",
          {{"name", result.name()},
           {"dossier", DossierOf(result.name())},
           {"revision", result.revision()},
           {"state", static_cast<int>(result.state())},
           {"code", columns.code_hash},
           {"body", columns.body},
           {"sealed", columns.sealed}})
      .status();
}

absl::Status UpdateResult(sql::Transaction& tx, const Result& result,
                          const keys::DataKey& dossier_key) {
  const Columns columns(result, dossier_key);
  ASSIGN_OR_RETURN(
      const sql::Result updated,
      tx.Execute("UPDATE results SET revision = :revision, state = :state, code_hash = :code, "
                 "body = :body, sealed = :sealed WHERE name = :name AND revision = :loaded",
                 {{"revision", result.revision()},
                  {"state", static_cast<int>(result.state())},
                  {"code", columns.code_hash},
                  {"body", columns.body},
                  {"sealed", columns.sealed},
                  {"name", result.name()},
                  {"loaded", result.revision() - 1}}));
  return updated.changed == 1 ? absl::OkStatus() : sql::RevisionConflict();
}

absl::StatusOr<Result> LoadResult(sql::Transaction& tx, absl::string_view name,
                                  const keys::DataKey& dossier_key) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT name, body, sealed FROM results WHERE name = :name", {{"name", name}}));
  if (found.rows.empty()) return ResultNotFound();
  return FromRow(found.rows[0], dossier_key);
}

absl::StatusOr<std::vector<Result>> LoadResults(sql::Transaction& tx, absl::string_view dossier,
                                                const keys::DataKey& dossier_key) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT name, body, sealed FROM results WHERE dossier = :dossier "
                              "ORDER BY name LIMIT :limit",
                              {{"dossier", dossier}, {"limit", static_cast<int>(kMaxResults)}}));
  std::vector<Result> results;
  for (const sql::Row& row : found.rows) {
    ASSIGN_OR_RETURN(results.emplace_back(), FromRow(row, dossier_key));
  }
  return results;
}

absl::StatusOr<std::string> FindResult(sql::Transaction& tx, absl::string_view code) {
  ASSIGN_OR_RETURN(const sql::Result found,
                   tx.Execute("SELECT name FROM results WHERE code_hash = :code",
                              {{"code", sql::Bytes{CodeHash(code)}}}));
  if (found.rows.empty()) return ResultUnknown();
  return found.rows[0].Text(0);
}

absl::Status CheckNoneUnderWay(sql::Transaction& tx, absl::string_view dossier) {
  ASSIGN_OR_RETURN(
      const sql::Result found,
      tx.Execute("SELECT name FROM results WHERE dossier = :dossier AND state = :signing LIMIT 1",
                 {{"dossier", dossier}, {"signing", static_cast<int>(Result::SIGNING)}}));
  return found.rows.empty() ? absl::OkStatus() : ResultUnderWay();
}

}  // namespace lgsp::dossiers
