// SQL of results. No business rules. What is personal is sealed with the data key of the dossier.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/results.pb.h"
#include "libs/keys/envelope.h"
#include "libs/sql/sql.h"

namespace lgsp::dossiers {

// Results are `<dossier>/results/<uuid>`.
inline constexpr char kResultCollection[] = "results";

absl::Status InsertResult(sql::Transaction& tx, const lgsp::dossiers::v1::Result& result,
                          const keys::DataKey& dossier_key);
// Saves a result whose revision has grown by one; RevisionConflict() when another was faster.
absl::Status UpdateResult(sql::Transaction& tx, const lgsp::dossiers::v1::Result& result,
                          const keys::DataKey& dossier_key);

// Whole, with etag. NOT_FOUND RESULT_NOT_FOUND, DATA_LOSS SEALED_DATA_INVALID.
absl::StatusOr<lgsp::dossiers::v1::Result> LoadResult(sql::Transaction& tx, absl::string_view name,
                                                      const keys::DataKey& dossier_key);
// Of a dossier, oldest first, all.
absl::StatusOr<std::vector<lgsp::dossiers::v1::Result>> LoadResults(
    sql::Transaction& tx, absl::string_view dossier, const keys::DataKey& dossier_key);

// The name of the result with a verification code. NOT_FOUND RESULT_UNKNOWN.
absl::StatusOr<std::string> FindResult(sql::Transaction& tx, absl::string_view code);

// FAILED_PRECONDITION RESULT_UNDER_WAY when a result of the dossier is being signed.
absl::Status CheckNoneUnderWay(sql::Transaction& tx, absl::string_view dossier);

}  // namespace lgsp::dossiers
