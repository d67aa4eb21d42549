#include "libs/durable/periodic_job.h"

#include "absl/time/clock.h"
#include "libs/log/log.h"

namespace lgsp::durable {

PeriodicJob::PeriodicJob(std::string name, absl::Duration interval, metrics::Registry* metrics,
                         std::function<absl::Status()> job)
    : name_(std::move(name)),
      interval_(interval),
      job_(std::move(job)),
      success_time_(metrics->GetGauge("periodic_job_success_time_seconds",
                                      "When the task last went well; before that, when it began.",
                                      {{"task", name_}})) {
  metrics
      ->GetGauge("periodic_job_interval_seconds", "How often the task is done.", {{"task", name_}})
      .Set(absl::ToDoubleSeconds(interval_));
  success_time_.Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
  thread_ = std::thread([this] { Run(); });
}

PeriodicJob::~PeriodicJob() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void PeriodicJob::Run() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&stop_), interval_);
      if (stop_) return;
    }
    if (const absl::Status status = job_(); status.ok()) {
      // The scraper's clock is compared with it, so that it is no Clock's.
      success_time_.Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
    } else {
      log::Error("periodic job failed", {{"job", name_}, {"status", status}});
    }
  }
}

}  // namespace lgsp::durable
