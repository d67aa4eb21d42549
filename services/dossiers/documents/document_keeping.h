// The documents of the process: their files, their service, and the work behind it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/clock/clock.h"
#include "libs/durable/periodic_job.h"
#include "libs/durable/subject_keys.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"
#include "services/dossiers/config.pb.h"
#include "services/dossiers/documents/document_scan.h"
#include "services/dossiers/documents/document_service.h"
#include "services/dossiers/documents/document_sweep.h"

namespace lgsp::dossiers {

class DocumentKeeping {
 public:
  // All outlive it. `base`: the folder relative paths in `config` are beneath. INVALID_ARGUMENT
  // SCANNER_ADDRESS_INVALID and those of DocumentFiles::Open.
  struct Parts {
    const PartCommands* commands;
    const DocumentPolicies* policies;
    metrics::Registry* metrics;
  };
  static absl::StatusOr<std::unique_ptr<DocumentKeeping>> Start(const DocumentsConfig& config,
                                                                absl::string_view base,
                                                                const Parts& parts);
  ~DocumentKeeping();

  DocumentService& service() { return service_; }

 private:
  DocumentKeeping(DocumentFiles files, const std::string& scanner, const Parts& parts);

  const DocumentFiles files_;
  DocumentTransfers transfers_;
  DocumentScan scan_;
  DocumentSweep sweep_;
  DocumentService service_;
  const durable::PeriodicJob transfer_job_, sweep_job_, scan_job_;
};

}  // namespace lgsp::dossiers
