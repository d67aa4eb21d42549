// The catalogue in the database: every version that a procedure has had, so that a dossier keeps
// its own whatever is deployed later.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"

namespace lgsp::dossiers {

// A procedure that is not as it is on file.
struct ProcedureChange {
  enum class Kind { kNew, kChanged, kWithdrawn } kind = Kind::kNew;
  std::string code;
  // kChanged: field by field, `modified: terms[0].amount: "5" -> "7"`, one line each.
  std::string difference;
};

// What ImportCatalogue would change, in the order of the codes. Changes nothing.
absl::StatusOr<std::vector<ProcedureChange>> CompareCatalogue(sql::Database& db,
                                                              const Catalogue& catalogue);

// Makes each difference a new version as of `now` and gives `catalogue`, as it was loaded from its
// files, every version on file, with what decides (Catalogue::KeepWhatDecides). Idempotent: without
// a difference nothing is written. DATA_LOSS PROCEDURE_UNREADABLE.
absl::StatusOr<std::vector<ProcedureChange>> ImportCatalogue(sql::Database& db, absl::Time now,
                                                             Catalogue& catalogue);

// A version with all that is known of it; 0: the newest. NOT_FOUND PROCEDURE_UNKNOWN, also for the
// newest of one that is withdrawn; DATA_LOSS PROCEDURE_UNREADABLE.
absl::StatusOr<Procedure> LoadProcedure(sql::Transaction& tx, absl::string_view code,
                                        int64_t version);

// `new 1.1`, `withdrawn 1.2`, `changed 1.3` with its lines beneath.
std::string DescribeChange(const ProcedureChange& change);

}  // namespace lgsp::dossiers
