#include "services/dossiers/document_sweep.h"

#include <vector>

#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/document_store.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

metrics::Counter CounterOf(metrics::Registry* metrics, absl::string_view kind) {
  return metrics->GetCounter("documents_swept_total", "Files deleted as no document has them.",
                             {{"kind", kind}});
}

}  // namespace

DocumentSweep::DocumentSweep(sql::Database* db, const DocumentFiles* files,
                             metrics::Registry* metrics)
    : db_(db),
      files_(files),
      abandoned_(CounterOf(metrics, "abandoned")),
      orphans_(CounterOf(metrics, "orphan")) {}

absl::Status DocumentSweep::SweepFile(const std::string& file) {
  FileUse use;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(use, ReadFileUse(tx, file));
    return absl::OkStatus();
  }));
  if (use.erased) {
    RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(use.unused, DeleteErased(tx, file));
      return absl::OkStatus();
    }));
  }
  if (!use.unused) return absl::OkStatus();
  RETURN_IF_ERROR(files_->Remove(file));
  orphans_.Add();
  log::Info("file without a document deleted", {{"file", file}});
  return absl::OkStatus();
}

absl::Status DocumentSweep::Step(absl::Time now) {
  ASSIGN_OR_RETURN(const int abandoned, files_->RemoveAbandoned(now - kOrphanAge));
  abandoned_.Add(abandoned);
  if (abandoned > 0) log::Info("abandoned uploads deleted", {{"files", int64_t{abandoned}}});
  const int folder = folder_;
  folder_ = (folder_ + 1) % DocumentFiles::kFolders;
  ASSIGN_OR_RETURN(const std::vector<std::string> files, files_->FilesOf(folder, now - kOrphanAge));
  for (const std::string& file : files) RETURN_IF_ERROR(SweepFile(file));
  return absl::OkStatus();
}

}  // namespace lgsp::dossiers
