// DIR/journey/plan.jsonl: the plan on the disk, and the one journey that may work on it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "libs/clock/clock.h"
#include "tools/lgsp/journey/plan.h"

namespace lgsp::cli {

// The services keep the answer to a request id for seven days; a plan older than this cannot be
// gone on with safely.
inline constexpr absl::Duration kMaxPlanAge = absl::Hours(24 * 6);

// Thread-safe.
class PlanFile {
 public:
  // Opens the unfinished plan in `folder`, or puts a finished one aside as plan-<seed>.jsonl and
  // makes a new one for `dossiers` from `seed`. What is new is on the disk, its folder too, when
  // this returns. FAILED_PRECONDITION JOURNEY_RUNNING (another one works on it), PLAN_TOO_OLD; what
  // ParsePlan and MakePlan answer.
  static absl::StatusOr<std::unique_ptr<PlanFile>> Open(absl::string_view folder,
                                                        const ProcedureCatalog& catalog,
                                                        int dossiers, uint32_t seed,
                                                        const Clock& clock);
  ~PlanFile();

  const Plan& plan() const { return plan_; }
  bool resumed() const { return resumed_; }
  const std::string& path() const { return path_; }

  // Appends; on the disk only after Finish. UNAVAILABLE FILE_NOT_WRITTEN.
  absl::Status Append(const EndedDossier& ended);
  // Appends that all is done, and syncs.
  absl::Status Finish(absl::string_view line);

 private:
  PlanFile(std::string folder, int lock);
  absl::Status Resume(const ProcedureCatalog& catalog, const Clock& clock, bool* found);
  absl::Status PutAside() const;
  absl::Status Create(const PlanHeader& header, const ProcedureCatalog& catalog);
  absl::Status OpenForAppend(size_t whole_bytes);
  absl::Status Write(const PlanRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  const std::string path_;
  const int lock_;
  bool resumed_ = false;
  Plan plan_;
  absl::Mutex mutex_;
  int file_ ABSL_GUARDED_BY(mutex_) = -1;
};

}  // namespace lgsp::cli
