#include "tools/lgsp/journey/patience.h"

#include <algorithm>
#include <string>

#include "absl/random/random.h"
#include "google/rpc/error_details.pb.h"
#include "libs/status/status.h"

namespace lgsp::cli {

bool MayRepeat(const absl::Status& status) {
  if (!IsTransient(status)) return false;
  const std::string reason = ErrorReason(status);
  return reason != "ETAG_STALE" && reason != "REQUEST_ID_REUSED";
}

absl::Duration RetryDelay(const absl::Status& status) {
  const google::rpc::Status wire = ToRpcStatus(status);
  for (const google::protobuf::Any& detail : wire.details()) {
    google::rpc::RetryInfo info;
    if (detail.UnpackTo(&info)) {
      return absl::Seconds(info.retry_delay().seconds()) +
             absl::Nanoseconds(info.retry_delay().nanos());
    }
  }
  return absl::ZeroDuration();
}

void Patience::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

bool Patience::Over() const {
  absl::MutexLock lock(&mutex_);
  return stopped_ || absl::Now() >= limit_;
}

void Patience::Wait(absl::Duration duration) {
  const absl::Time until = std::min(absl::Now() + duration, limit_);
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithDeadline(absl::Condition(&stopped_), until);
}

absl::Duration Patience::Jittered(absl::Duration wait) {
  thread_local absl::BitGen random;
  return wait * absl::Uniform(random, 0.5, 1.0);
}

}  // namespace lgsp::cli
