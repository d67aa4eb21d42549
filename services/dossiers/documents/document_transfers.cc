#include "services/dossiers/documents/document_transfers.h"

#include "services/dossiers/documents/document_errors.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {

DocumentTransfers::Transfer::Transfer(DocumentTransfers* transfers, std::function<void()> cancel,
                                      std::string caller)
    : transfers_(transfers), cancel_(std::move(cancel)), caller_(std::move(caller)) {}

DocumentTransfers::Transfer::~Transfer() {
  absl::MutexLock lock(&transfers_->mutex_);
  transfers_->under_way_.erase(this);
  const auto of_caller = transfers_->of_callers_.find(caller_);
  if (--of_caller->second == 0) transfers_->of_callers_.erase(of_caller);
  transfers_->gauge_.Add(-1);
}

void DocumentTransfers::Transfer::Moved() {
  absl::MutexLock lock(&transfers_->mutex_);
  moved_ = absl::Now();
}

DocumentTransfers::DocumentTransfers(metrics::Registry* metrics)
    : gauge_(metrics->GetGauge("documents_transfers", "Uploads and downloads under way.")),
      stalled_(metrics->GetCounter("documents_transfers_stalled_total",
                                   "Uploads and downloads cancelled as nothing moved.")) {}

absl::StatusOr<std::unique_ptr<DocumentTransfers::Transfer>> DocumentTransfers::Begin(
    std::function<void()> cancel, const std::string& caller) {
  absl::MutexLock lock(&mutex_);
  const auto of_caller = of_callers_.find(caller);
  const int has = of_caller == of_callers_.end() ? 0 : of_caller->second;
  if (under_way_.size() >= kMaxTransfers || has >= kMaxTransfersPerCaller) {
    return TransfersExhausted();
  }
  auto transfer = std::make_unique<Transfer>(this, std::move(cancel), caller);
  under_way_.insert(transfer.get());
  ++of_callers_[caller];
  gauge_.Add(1);
  return transfer;
}

void DocumentTransfers::CancelStalled(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  for (Transfer* transfer : under_way_) {
    const bool moves =
        now - transfer->moved_ < kTransferStall && now - transfer->begun_ < kLongestTransfer;
    if (moves || transfer->cancelled_) continue;
    transfer->cancelled_ = true;
    transfer->cancel_();
    stalled_.Add();
  }
}

}  // namespace lgsp::dossiers
