#include "libs/durable/periodic_job.h"

#include "libs/log/log.h"

namespace lgsp::durable {

PeriodicJob::PeriodicJob(std::string name, absl::Duration interval,
                         std::function<absl::Status()> job)
    : name_(std::move(name)),
      interval_(interval),
      job_(std::move(job)),
      thread_([this] { Run(); }) {}

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
    if (const absl::Status status = job_(); !status.ok()) {
      log::Error("periodic job failed", {{"job", name_}, {"status", status}});
    }
  }
}

}  // namespace lgsp::durable
