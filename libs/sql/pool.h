// Connections that are used one transaction at a time, opened when first needed.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "libs/sql/connection.h"

namespace lgsp::sql {

// Thread-safe. std::mutex here and in the SQLite writer, as ThreadSanitizer sees it; it does not
// see Debian's Abseil.
template <class C>
class Pool {
 public:
  Pool(const Options& options, Instruments* instruments)
      : max_waiting_(options.max_waiting),
        instruments_(instruments),
        size_(std::max(1, options.pool_size)),
        places_(size_) {}

  // Waits for those who hold a place or wait for one.
  ~Pool() {
    std::unique_lock lock(mutex_);
    unused_.wait(lock, [this] { return Unused(); });
  }

  // A place in the pool, to be given back with Return: an idle connection, or null: open one.
  // RESOURCE_EXHAUSTED SQL_QUEUE_FULL, DEADLINE_EXCEEDED SQL_QUEUE_TIMEOUT.
  absl::StatusOr<std::unique_ptr<C>> Take(absl::Time deadline) {
    std::unique_lock lock(mutex_);
    if (places_ == 0) {
      if (waiting_ >= max_waiting_) return QueueFull();
      ++waiting_;
      instruments_->waiting.Add(1);
      returned_.wait_until(lock, absl::ToChronoTime(deadline), [this] { return places_ > 0; });
      instruments_->waiting.Add(-1);
      --waiting_;
    }
    if (places_ == 0 || absl::Now() >= deadline) {
      // The wake-up that came too late for this one is another's.
      if (places_ > 0) returned_.notify_one();
      if (Unused()) unused_.notify_all();
      return QueueTimeout();
    }
    --places_;
    if (idle_.empty()) return nullptr;
    std::unique_ptr<C> connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }

  // Gives the place back; null when the connection is no more.
  void Return(std::unique_ptr<C> connection) {
    const std::lock_guard lock(mutex_);
    ++places_;
    if (connection != nullptr) idle_.push_back(std::move(connection));
    returned_.notify_one();
    if (Unused()) unused_.notify_all();
  }

 private:
  bool Unused() const { return places_ == size_ && waiting_ == 0; }

  const int max_waiting_;
  Instruments* const instruments_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::condition_variable unused_;
  const int size_;
  int places_;
  int waiting_ = 0;
  std::vector<std::unique_ptr<C>> idle_;
};

}  // namespace lgsp::sql
