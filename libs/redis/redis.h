// Redis (hiredis) for what may be lost at any time: shares of quotas, caches. Nothing that must be
// true is kept there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"

namespace lgsp::redis {

// Between a failed connect and the next.
inline constexpr absl::Duration kConnectBackoff = absl::Seconds(1);

struct Options {
  // `<host>:<port>`, or `unix:<path>`. hiredis in Debian 12 has no TLS: a tunnel or a network of
  // its own must protect what is not on this machine.
  std::string address;
  // Empty: none is asked for.
  std::string password;
  // Of a connect, and of each answer.
  absl::Duration timeout = absl::Milliseconds(200);
};

// INVALID_ARGUMENT REDIS_ADDRESS_INVALID.
absl::Status CheckAddress(absl::string_view address);

// One connection, made when it is needed and again after it broke. Used by one thread at a time.
class Client {
 public:
  Client(Options options, const Clock* clock);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Runs a Lua script; its answer must be integers. UNAVAILABLE REDIS_UNREACHABLE (also at once,
  // for kConnectBackoff after a failed connect: whether it ran is not known), FAILED_PRECONDITION
  // REDIS_REFUSED (the server's words); those of CheckAddress.
  absl::StatusOr<std::vector<int64_t>> Eval(absl::string_view script,
                                            const std::vector<std::string>& keys,
                                            const std::vector<std::string>& arguments);

 private:
  struct Connection;
  absl::Status Connect();
  absl::Status Lost(absl::string_view what);

  const Options options_;
  const Clock* const clock_;
  std::unique_ptr<Connection> connection_;
  absl::Time retry_at_ = absl::InfinitePast();
};

}  // namespace lgsp::redis
