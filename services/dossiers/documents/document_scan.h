// Looking for malware in what was uploaded, after the upload and apart from it.
#pragma once

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/clock/clock.h"
#include "libs/durable/subject_keys.h"
#include "libs/metrics/metrics.h"
#include "libs/sql/sql.h"
#include "services/dossiers/documents/clamd.h"
#include "services/dossiers/documents/document_files.h"

namespace lgsp::dossiers {

class DocumentScan {
 public:
  // `address`: as in clamd.h; empty: there is no scanner, which a metric shows. All outlive it.
  DocumentScan(sql::Database* db, const durable::SubjectKeys* subject_keys,
               const DocumentFiles* files, const Clock* clock, metrics::Registry* metrics,
               std::string address);

  // First, a few at a time, has everything wait that was not scanned before this start: there was
  // no scanner then, or it took less. Scans what waits, at most kScansInARow, one after the other;
  // stops at the first that the scanner does not answer for: it waits kScanRetryDelay. For a
  // PeriodicJob.
  absl::Status Step();

  // Has a Step under way end after the present scan.
  void Stop() { stop_ = true; }

 private:
  absl::Status Reopen();
  absl::Status ScanFile(const std::string& file);
  // NOT_FOUND: nobody's, or of an erased dossier.
  absl::StatusOr<keys::DataKey> FindKey(const std::string& file) const;

  sql::Database* const db_;
  const durable::SubjectKeys* const subject_keys_;
  const DocumentFiles* const files_;
  const Clock* const clock_;
  const std::string address_;
  std::atomic<bool> stop_ = false;
  // How far Reopen has come, and whether to the end.
  std::string reopened_to_;
  bool reopened_ = false;
  metrics::Counter clean_, infected_, too_large_, failed_;
  metrics::Gauge pending_;
};

}  // namespace lgsp::dossiers
