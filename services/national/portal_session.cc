#include "services/national/portal_session.h"

#include "services/national/errors.h"
#include "services/national/limits.h"

namespace lgsp::national {

absl::StatusOr<PortalSession::Session> PortalSession::Get(int64_t expired, absl::Time deadline) {
  {
    const absl::MutexLock lock(&mutex_);
    if (session_.number > expired) return session_;
    if (logging_in_) {
      const auto ended = [this] { return !logging_in_; };
      if (!mutex_.AwaitWithDeadline(absl::Condition(&ended), deadline)) {
        return PortalUnavailable("the login takes too long");
      }
      if (session_.number > expired) return session_;
      if (!last_.ok()) return last_;
    }
    // Security time: civil time runs faster in a simulation.
    if (clock_->SecurityNow() < refused_until_) return last_;
    logging_in_ = true;
  }
  absl::StatusOr<std::string> id = login_(deadline);

  const absl::MutexLock lock(&mutex_);
  logging_in_ = false;
  last_ = id.status();
  if (last_.code() == absl::StatusCode::kFailedPrecondition) {
    refused_until_ = clock_->SecurityNow() + kLoginRefusedHold;
  }
  if (!id.ok()) return last_;
  session_ = {*std::move(id), session_.number + 1};
  return session_;
}

}  // namespace lgsp::national
