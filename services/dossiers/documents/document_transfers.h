// The streams of documents under way: how many there may be, and the end of those that stand still.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/metrics/metrics.h"

namespace lgsp::dossiers {

// Thread-safe. Times are the machine's, as gRPC's deadlines are.
class DocumentTransfers {
 public:
  // One stream, from its begin to its handler's end.
  class Transfer {
   public:
    Transfer(DocumentTransfers* transfers, std::function<void()> cancel, std::string caller);
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    // Says that something moved.
    void Moved();

   private:
    friend class DocumentTransfers;
    DocumentTransfers* const transfers_;
    const std::function<void()> cancel_;
    const std::string caller_;
    const absl::Time begun_ = absl::Now();
    // Guarded by transfers_->mutex_.
    absl::Time moved_ = begun_;
    bool cancelled_ = false;
  };

  explicit DocumentTransfers(metrics::Registry* metrics);

  // `cancel` ends the stream under its handler; it is called while the transfer lives, at most
  // once. RESOURCE_EXHAUSTED TRANSFERS_EXHAUSTED.
  absl::StatusOr<std::unique_ptr<Transfer>> Begin(std::function<void()> cancel,
                                                  const std::string& caller);

  // Cancels those that by `now` have not moved for kTransferStall, or were begun
  // kLongestTransfer ago: their handlers' next read or write fails. For a PeriodicJob.
  void CancelStalled(absl::Time now);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_set<Transfer*> under_way_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int> of_callers_ ABSL_GUARDED_BY(mutex_);
  metrics::Gauge gauge_;
  metrics::Counter stalled_;
};

}  // namespace lgsp::dossiers
