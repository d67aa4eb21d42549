// Work that is done again and again in the background.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/metrics/metrics.h"

namespace lgsp::durable {

// Runs `job` every `interval` in a thread of its own, first after one interval, until destroyed. A
// failure is logged under `name` and tried again at the next turn. What an alert needs to find a
// job that hangs or fails each time: `periodic_job_success_time_seconds{task}` (Unix time of the
// last success, of the start before that) and `periodic_job_interval_seconds{task}`.
class PeriodicJob {
 public:
  PeriodicJob(std::string name, absl::Duration interval, metrics::Registry* metrics,
              std::function<absl::Status()> job);
  ~PeriodicJob();

 private:
  void Run();

  const std::string name_;
  const absl::Duration interval_;
  const std::function<absl::Status()> job_;
  metrics::Gauge success_time_;
  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lgsp::durable
