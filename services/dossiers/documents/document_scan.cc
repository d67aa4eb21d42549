#include "services/dossiers/documents/document_scan.h"

#include <vector>

#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_store.h"
#include "services/dossiers/limits.h"
#include "services/dossiers/part_names.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::Scan;

metrics::Counter CounterOf(metrics::Registry* metrics, absl::string_view outcome) {
  return metrics->GetCounter("documents_scans_total", "Scans of documents, by outcome.",
                             {{"outcome", outcome}});
}

Scan::State ToState(ScanVerdict verdict) {
  switch (verdict) {
    case ScanVerdict::kClean:
      return Scan::CLEAN;
    case ScanVerdict::kInfected:
      return Scan::INFECTED;
    case ScanVerdict::kTooLarge:
      break;
  }
  return Scan::NOT_SCANNED;
}

}  // namespace

DocumentScan::DocumentScan(sql::Database* db, const durable::SubjectKeys* subject_keys,
                           const DocumentFiles* files, const Clock* clock,
                           metrics::Registry* metrics, std::string address)
    : db_(db),
      subject_keys_(subject_keys),
      files_(files),
      clock_(clock),
      address_(std::move(address)),
      clean_(CounterOf(metrics, "clean")),
      infected_(CounterOf(metrics, "infected")),
      too_large_(CounterOf(metrics, "too_large")),
      failed_(CounterOf(metrics, "failed")),
      pending_(metrics->GetGauge("documents_scans_pending", "Documents that wait for a scan.")) {
  metrics
      ->GetGauge("documents_scanner_configured",
                 "1: documents are scanned for malware; 0: there is no scanner.")
      .Set(address_.empty() ? 0 : 1);
}

absl::StatusOr<keys::DataKey> DocumentScan::FindKey(const std::string& file) const {
  keys::DataKey key;
  RETURN_IF_ERROR(db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string name, FindDocumentOf(tx, file));
    ASSIGN_OR_RETURN(const keys::DataKey dossier_key, subject_keys_->Get(tx, DossierOf(name)));
    ASSIGN_OR_RETURN(const StoredDocument stored, LoadDocument(tx, name, dossier_key));
    key = stored.content_key;
    return absl::OkStatus();
  }));
  return key;
}

absl::Status DocumentScan::ScanFile(const std::string& file) {
  ASSIGN_OR_RETURN(const keys::DataKey key, FindKey(file));
  ASSIGN_OR_RETURN(const auto reader, files_->Read(file, key));
  ASSIGN_OR_RETURN(
      const ScanVerdict verdict,
      ScanWithClamd(address_, [&] { return reader->Next(); }, absl::Now() + kScanTimeout));
  if (verdict == ScanVerdict::kClean) clean_.Add();
  if (verdict == ScanVerdict::kTooLarge) too_large_.Add();
  if (verdict == ScanVerdict::kInfected) {
    infected_.Add();
    log::Error("the scanner found malware in a document", {{"file", file}});
  }
  return db_->Run([&](sql::Transaction& tx) {
    return SetScan(tx, file, ToState(verdict), clock_->SecurityNow());
  });
}

absl::Status DocumentScan::Reopen() {
  std::string last;
  RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(last, ReopenScans(tx, reopened_to_, kScansReopened));
    return absl::OkStatus();
  }));
  reopened_ = last.empty();
  reopened_to_ = std::move(last);
  return absl::OkStatus();
}

absl::Status DocumentScan::Step() {
  if (address_.empty()) return absl::OkStatus();
  if (!reopened_) RETURN_IF_ERROR(Reopen());
  for (int i = 0; i < kScansInARow && !stop_; ++i) {
    std::vector<std::string> files;
    const absl::Time now = clock_->SecurityNow();
    RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) -> absl::Status {
      ASSIGN_OR_RETURN(files, ClaimScans(tx, now, now + kScanClaim, 1));
      return absl::OkStatus();
    }));
    if (files.empty()) break;
    const absl::Status scanned = ScanFile(files[0]);
    if (scanned.ok()) continue;
    failed_.Add();
    log::Error("document cannot be scanned", {{"file", files[0]}, {"status", scanned}});
    // What cannot be read must not hold up what can; what nobody has is the sweep's.
    const bool scanner_away = absl::IsUnavailable(scanned);
    RETURN_IF_ERROR(db_->Run([&](sql::Transaction& tx) {
      return PostponeScan(tx, files[0], now + (scanner_away ? kScanRetryDelay : kOrphanAge));
    }));
    if (scanner_away) break;
  }
  return db_->Read([&](sql::Transaction& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t pending, CountPendingScans(tx));
    pending_.Set(static_cast<double>(pending));
    return absl::OkStatus();
  });
}

}  // namespace lgsp::dossiers
