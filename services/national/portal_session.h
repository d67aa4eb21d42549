// The one session at the portal that all threads share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"

namespace lgsp::national {

// Thread-safe. Logs in when a session is wanted and none is there: one login at a time, whose
// outcome is that of everybody who waited for it.
class PortalSession {
 public:
  // Logs in and returns the session's id.
  using Login = std::function<absl::StatusOr<std::string>(absl::Time deadline)>;

  struct Session {
    std::string id;
    // Counts the logins; 0 is none.
    int64_t number = 0;
  };

  PortalSession(Login login, const Clock* clock) : login_(std::move(login)), clock_(clock) {}

  // A session newer than number `expired`; 0: any. The login's error; after FAILED_PRECONDITION the
  // same again for kLoginRefusedHold without a login. PORTAL_UNAVAILABLE when another's login
  // outlasts `deadline`.
  absl::StatusOr<Session> Get(int64_t expired, absl::Time deadline);

 private:
  const Login login_;
  const Clock* const clock_;
  absl::Mutex mutex_;
  Session session_ ABSL_GUARDED_BY(mutex_);
  bool logging_in_ ABSL_GUARDED_BY(mutex_) = false;
  // How the last login ended, and until when that counts though it failed.
  absl::Status last_ ABSL_GUARDED_BY(mutex_);
  absl::Time refused_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace lgsp::national
