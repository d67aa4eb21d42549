// Removes what no document has: uploads that a killed process left, files whose deletion was cut
// short, and those of erased dossiers. Files go by the trash: an older copy of the database, or
// another one, would know as little of the documents of today.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"
#include "services/dossiers/documents/document_files.h"

namespace lgsp::dossiers {

class DocumentSweep {
 public:
  // Both outlive it.
  DocumentSweep(sql::Database* db, const DocumentFiles* files, metrics::Registry* metrics);

  // Looks at what was begun and not ended, and at the files of the next of the folders; at nothing
  // that is not older than kOrphanAge at `now`, by the clock that dates files. For a PeriodicJob.
  absl::Status Step(absl::Time now);

 private:
  // Of these files, which are in order.
  absl::Status SweepFiles(const std::vector<std::string>& files);

  sql::Database* const db_;
  const DocumentFiles* const files_;
  metrics::Counter abandoned_, orphans_;
  int folder_ = 0;
};

}  // namespace lgsp::dossiers
