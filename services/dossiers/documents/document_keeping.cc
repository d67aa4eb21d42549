#include "services/dossiers/documents/document_keeping.h"

#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

using lgsp::dossiers::v1::Scan;

absl::StatusOr<std::unique_ptr<DocumentKeeping>> DocumentKeeping::Start(
    const DocumentsConfig& config, absl::string_view base, const Parts& parts) {
  if (config.scanner().empty()) {
    log::Info("no scanner is configured: documents are not scanned for malware");
  } else {
    RETURN_IF_ERROR(CheckScannerAddress(config.scanner()));
  }
  const std::string directory = config.directory().empty() ? "documents" : config.directory();
  ASSIGN_OR_RETURN(DocumentFiles files, DocumentFiles::Open(config::Resolve(base, directory)));
  return std::unique_ptr<DocumentKeeping>(
      new DocumentKeeping(std::move(files), config.scanner(), parts));
}

DocumentKeeping::DocumentKeeping(DocumentFiles files, const std::string& scanner,
                                 const Parts& parts)
    : files_(std::move(files)),
      transfers_(parts.metrics),
      scan_(parts.commands->parts().db, parts.commands->parts().subject_keys, &files_,
            parts.commands->parts().clock, parts.metrics, scanner),
      sweep_(parts.commands->parts().db, &files_, parts.metrics),
      service_({parts.commands, parts.policies, &files_, &transfers_,
                scanner.empty() ? Scan::NOT_SCANNED : Scan::PENDING}),
      transfer_job_("stalled transfers", kTransferCheckInterval, parts.metrics,
                    [this] {
                      transfers_.CancelStalled(absl::Now());
                      return absl::OkStatus();
                    }),
      // Files are dated by the machine.
      sweep_job_("document files", kFileSweepInterval, parts.metrics,
                 [this] { return sweep_.Step(absl::Now()); }),
      scan_job_("document scans", kScanInterval, parts.metrics, [this] { return scan_.Step(); }) {}

DocumentKeeping::~DocumentKeeping() { scan_.Stop(); }

}  // namespace lgsp::dossiers
