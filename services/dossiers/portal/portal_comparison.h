// Holds dossiers against the portal's copies of them, several at once; nothing is written.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/portal_reports.pb.h"
#include "lgsp/national/v1/portal.pb.h"
#include "libs/clock/clock.h"
#include "libs/sql/sql.h"
#include "services/dossiers/catalogue/catalogue.h"
#include "services/dossiers/dossier_store.h"

namespace lgsp::dossiers {

// What a comparison came to.
struct Finding {
  // Without kinds: the copy is right.
  v1::PortalDifference difference;
  // What the portal should show is not known any more.
  bool erased = false;
  // Why it could not be compared; then `difference` is of kind NOT_COMPARED.
  absl::Status failure;
};

// Thread-safe.
class PortalComparison {
 public:
  // What differs at the portal (lgsp.national.v1.Portal/CompareDossier); called by several threads.
  using Ask = std::function<absl::StatusOr<lgsp::national::v1::CompareDossierResponse>(
      const std::string& dossier, const lgsp::national::v1::SyncDossierRequest& wanted,
      absl::Time deadline)>;

  // All outlive it.
  PortalComparison(sql::Database* db, const Catalogue* catalogue, const DossierStore* store,
                   const Clock* clock, Ask ask)
      : db_(db), catalogue_(catalogue), store_(store), clock_(clock), ask_(std::move(ask)) {}

  // One dossier, by its UUID or code. One that changed meanwhile is compared again, and so is one
  // for which the portal could not be asked.
  Finding Compare(const std::string& id, absl::Time deadline) const;

  // Those of `ids`, in their order; ends before the first that there is no time left for.
  std::vector<Finding> CompareAll(const std::vector<std::string>& ids, absl::Time deadline) const;

 private:
  // A dossier as it is at one instant, and what the portal should show of it.
  struct Snapshot {
    v1::PortalDifference known;
    int64_t revision = 0;
    lgsp::national::v1::SyncDossierRequest wanted;
  };

  // Whether there was a command, or the portal was told of something, between the two.
  static bool Changed(const Snapshot& before, const Snapshot& after);
  absl::StatusOr<Snapshot> Take(const std::string& id, absl::Time deadline) const;

  sql::Database* const db_;
  const Catalogue* const catalogue_;
  const DossierStore* const store_;
  const Clock* const clock_;
  const Ask ask_;
};

}  // namespace lgsp::dossiers
