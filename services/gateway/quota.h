// Quotas of agreements: a token bucket each (lgsp.registry.v1.Quota).
//
// Without Redis each gateway counts for itself. With Redis the bucket is there, and a gateway
// leases tokens of it in advance, a few at a time: what all gateways let through together is what
// the bucket gave. A call that finds no token here while the bucket may have some waits for one
// trip to Redis. When Redis cannot be reached, each gateway counts for itself until it can.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lgsp/registry/v1/catalog.pb.h"
#include "libs/metrics/metrics.h"
#include "libs/redis/redis.h"

namespace lgsp::gateway {

// Nanoseconds of the steady clock.
using SteadyNanos = int64_t;

// One agreement's bucket. Thread-safe, without locks.
class Quota {
 public:
  // `on_want`: called when tokens should be leased; cheap, from any thread.
  explicit Quota(std::function<void()> on_want) : on_want_(std::move(on_want)) {}

  // It allows calls, in a period of 1 ms to 1 day.
  static bool IsValid(const lgsp::registry::v1::Quota& terms);
  // Valid ones.
  void SetTerms(const lgsp::registry::v1::Quota& terms);

  enum class Answer { kTaken, kRefused, kAsked };
  struct Take {
    Answer answer;
    // When refused: how long until there may be one.
    absl::Duration retry_after;
  };
  // kAsked: nobody knows yet; ask again after the next trip (QuotaTable's `on_trip`).
  Take TakeOne(SteadyNanos now);

  // For the leasing thread.
  struct Terms {
    double per_second;
    int64_t burst;
  };
  Terms terms() const;
  bool TakeWanted() { return wanted_.exchange(false); }
  // How many tokens should be leased now.
  int64_t Wanted() const;
  // What the bucket gave; when nothing, until when it has nothing.
  void Lease(int64_t tokens, SteadyNanos nothing_until);
  // Counted here, from now on.
  void CountAlone();

 private:
  int64_t Chunk() const;
  void Want();
  Take TakeHere(SteadyNanos now);

  const std::function<void()> on_want_;
  std::atomic<int64_t> interval_{1}, burst_{1};
  // Counted here (GCRA): the time at which the bucket would be full again.
  std::atomic<SteadyNanos> full_at_{0};
  // Leased.
  std::atomic<bool> leased_{false}, wanted_{false};
  std::atomic<int64_t> credit_{0}, asked_{0};
  std::atomic<SteadyNanos> nothing_until_{0};
};

// All quotas of a gateway, and the thread that leases.
class QuotaTable {
 public:
  // `client` nullptr: no Redis.
  QuotaTable(std::unique_ptr<redis::Client> client, metrics::Registry* metrics);
  ~QuotaTable();
  // Begins to lease; `on_trip` is called on the leasing thread after each trip. Until then, and
  // without Redis, all is counted here.
  void Start(std::function<void()> on_trip);

  // The bucket of an agreement: the same one for all policies that have it; with these terms from
  // now on.
  std::shared_ptr<Quota> Find(const std::string& agreement, const lgsp::registry::v1::Quota& terms);

 private:
  void Wake();
  void Run();
  // False: Redis cannot be reached.
  bool Trip();

  const std::unique_ptr<redis::Client> client_;
  std::function<void()> on_trip_;
  metrics::Gauge alone_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Quota>> quotas_ ABSL_GUARDED_BY(mutex_);
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false, stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lgsp::gateway
