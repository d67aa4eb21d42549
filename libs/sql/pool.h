// Connections that are used one transaction at a time, opened when first needed.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "libs/sql/connection.h"
#include "libs/status/status.h"

namespace lgsp::sql {

// Who wants a place in a pool: on the stack of its thread.
struct Waiter {
  explicit Waiter(absl::Time deadline) : deadline(deadline) {}
  const absl::Time deadline;
  // Whoever has a place may do the work of this one: Pool::TakeWaiter.
  bool may_be_taken = false;

  // The pool's.
  enum class State { kWaiting, kPlaced, kTaken, kDone };
  State state = State::kWaiting;
  std::condition_variable woken;
};

// Thread-safe. Who waits longest is served first. std::mutex here and in the SQLite writer, as
// ThreadSanitizer sees it; it does not see Debian's Abseil.
template <class C>
class Pool {
 public:
  Pool(const Options& options, Instruments* instruments)
      : max_waiting_(std::max(0, options.max_waiting)),
        instruments_(instruments),
        places_(std::max(1, options.pool_size)) {}

  // Waits for the visits to end.
  ~Pool() {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [this] { return visits_ == 0; });
  }

  // A thread that uses the pool, or the object that has it.
  class Visit {
   public:
    explicit Visit(Pool* pool) : pool_(pool) {
      const std::lock_guard lock(pool_->mutex_);
      ++pool_->visits_;
    }
    ~Visit() {
      const std::lock_guard lock(pool_->mutex_);
      if (--pool_->visits_ == 0) pool_->left_.notify_all();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Pool* const pool_;
  };

  // A place in the pool, to be given back with Return: an idle connection, or null: open one. When
  // the waiter may be taken and was, none, and its state is kDone. RESOURCE_EXHAUSTED
  // SQL_QUEUE_FULL, DEADLINE_EXCEEDED SQL_QUEUE_TIMEOUT.
  absl::StatusOr<std::unique_ptr<C>> Take(Waiter& waiter) {
    std::unique_lock lock(mutex_);
    if (places_ > 0) {
      --places_;
    } else {
      RETURN_IF_ERROR(Wait(waiter, lock));
      if (waiter.state == Waiter::State::kDone) return nullptr;
    }
    if (absl::Now() >= waiter.deadline) {
      GivePlace();
      return QueueTimeout();
    }
    if (idle_.empty()) return nullptr;
    std::unique_ptr<C> connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }

  // Gives the place back; null when the connection is no more.
  void Return(std::unique_ptr<C> connection) {
    const std::lock_guard lock(mutex_);
    if (connection != nullptr) idle_.push_back(std::move(connection));
    GivePlace();
  }

  // The first of those who may be taken and whose deadline is after `latest`; null: nobody. It
  // waits until its work is done, and then is given back with Finish.
  Waiter* TakeWaiter(absl::Time latest) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(queue_.begin(), queue_.end(), [latest](const Waiter* waiter) {
      return waiter->may_be_taken && waiter->deadline > latest;
    });
    if (found == queue_.end()) return nullptr;
    Waiter* waiter = *found;
    waiter->state = Waiter::State::kTaken;
    Leave(found);
    return waiter;
  }

  void Finish(Waiter* waiter) {
    const std::lock_guard lock(mutex_);
    waiter->state = Waiter::State::kDone;
    waiter->woken.notify_one();
  }

 private:
  using Queue = std::deque<Waiter*>;

  absl::Status Wait(Waiter& waiter, std::unique_lock<std::mutex>& lock) {
    if (queue_.size() >= static_cast<size_t>(max_waiting_)) return QueueFull();
    queue_.push_back(&waiter);
    instruments_->waiting.Add(1);
    waiter.woken.wait_until(lock, absl::ToChronoTime(waiter.deadline),
                            [&] { return waiter.state != Waiter::State::kWaiting; });
    if (waiter.state == Waiter::State::kTaken) {
      waiter.woken.wait(lock, [&] { return waiter.state == Waiter::State::kDone; });
    }
    if (waiter.state != Waiter::State::kWaiting) return absl::OkStatus();
    Leave(std::find(queue_.begin(), queue_.end(), &waiter));
    return QueueTimeout();
  }

  void Leave(typename Queue::iterator waiter) {
    queue_.erase(waiter);
    instruments_->waiting.Add(-1);
  }

  void GivePlace() {
    if (queue_.empty()) {
      ++places_;
      return;
    }
    Waiter* next = queue_.front();
    next->state = Waiter::State::kPlaced;
    Leave(queue_.begin());
    next->woken.notify_one();
  }

  const int max_waiting_;
  Instruments* const instruments_;
  std::mutex mutex_;
  std::condition_variable left_;
  int visits_ = 0;
  int places_;
  Queue queue_;
  std::vector<std::unique_ptr<C>> idle_;
};

}  // namespace lgsp::sql
