// What the database of `dossiers` says of a journey (services/dossiers/migrations). Nothing is ever
// written.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/sql/sql.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/journey/differences.h"
#include "tools/lgsp/journey/journey_run.h"

namespace lgsp::cli {

class DossierTables {
 public:
  // Where `lgsp up` has it (databases.h). NOT_FOUND FILE_MISSING; what sql::Database::Open answers.
  static absl::StatusOr<DossierTables> Open(const DataFolder& folder);

  // Each planned dossier that ended is there once, at its planned end, by exactly the planned
  // transitions.
  absl::StatusOr<std::vector<Difference>> Compare(const Plan& plan,
                                                  const std::vector<Outcome>& outcomes) const;

  // How many dossiers entered each state, by settling agency and day (UTC+7).
  absl::StatusOr<Counts> CountTransitions() const;

 private:
  explicit DossierTables(std::unique_ptr<sql::Database> database)
      : database_(std::move(database)) {}
  std::unique_ptr<sql::Database> database_;
};

}  // namespace lgsp::cli
