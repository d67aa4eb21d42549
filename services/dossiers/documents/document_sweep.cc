#include "services/dossiers/documents/document_sweep.h"

#include <algorithm>
#include <vector>

#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

metrics::Counter CounterOf(metrics::Registry* metrics, absl::string_view kind) {
  return metrics->GetCounter("documents_swept_total", "Files removed as no document has them.",
                             {{"kind", kind}});
}

}  // namespace

DocumentSweep::DocumentSweep(sql::Database* db, const DocumentFiles* files,
                             metrics::Registry* metrics)
    : db_(db),
      files_(files),
      abandoned_(CounterOf(metrics, "abandoned")),
      orphans_(CounterOf(metrics, "orphan")) {}

absl::Status DocumentSweep::SweepFiles(const std::vector<std::string>& files) {
  std::vector<std::string> known;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(known, FilesBetween(tx, files.front(), files.back()));
    return absl::OkStatus();
  }));
  for (const std::string& file : files) {
    if (std::binary_search(known.begin(), known.end(), file)) continue;
    // One that cannot be moved must not keep the others.
    if (const absl::Status moved = files_->Discard(file); !moved.ok()) {
      log::Error("file without a document stays", {{"file", file}, {"status", moved}});
      continue;
    }
    orphans_.Add();
    log::Info("file without a document put into the trash", {{"file", file}});
  }
  return absl::OkStatus();
}

absl::Status DocumentSweep::Step(absl::Time now) {
  ASSIGN_OR_RETURN(const int abandoned, files_->RemoveAbandoned(now - kOrphanAge));
  abandoned_.Add(abandoned);
  if (abandoned > 0) log::Info("abandoned uploads deleted", {{"files", int64_t{abandoned}}});
  ASSIGN_OR_RETURN(const int discarded, files_->RemoveDiscarded(now - kTrashAge));
  if (discarded > 0) log::Info("files in the trash deleted", {{"files", int64_t{discarded}}});
  const int folder = folder_;
  folder_ = (folder_ + 1) % DocumentFiles::kFolders;
  ASSIGN_OR_RETURN(std::vector<std::string> files, files_->FilesOf(folder, now - kOrphanAge));
  std::sort(files.begin(), files.end());
  for (auto begin = files.begin(); begin != files.end();) {
    const auto end = begin + std::min<ptrdiff_t>(files.end() - begin, kFilesSwept);
    RETURN_IF_ERROR(SweepFiles({begin, end}));
    begin = end;
  }
  return absl::OkStatus();
}

}  // namespace lgsp::dossiers
