// Calls to systems outside the platform over HTTP: deadline, TLS >= 1.2, circuit breaker.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/metrics/metrics.h"

namespace lgsp::http {

// No answer is larger; RESOURCE_EXHAUSTED HTTP_ANSWER_TOO_LARGE.
inline constexpr size_t kMaxAnswerBytes = 4 << 20;

struct Request {
  // GET, HEAD, POST, PUT, PATCH or DELETE; GET and HEAD have no body.
  std::string method = "POST";
  // http or https, without user and password.
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Of this call, where the caller has less time left than Options::timeout.
  absl::Duration timeout = absl::InfiniteDuration();
};

struct Response {
  int status = 0;
  std::string body;
};

struct Options {
  // Name of the peer in metrics and errors (`portal`): bounded, not an address.
  std::string peer;
  // PEM file with the authorities that are trusted; empty: the system's.
  std::string authority_file;
  // Of one call, connecting included.
  absl::Duration timeout = absl::Seconds(10);
  // So many failures in a row open the circuit for `open_time`; then one call is let through to
  // try.
  int failures_to_open = 5;
  absl::Duration open_time = absl::Seconds(5);
  metrics::Registry* metrics = nullptr;
  const Clock* clock = nullptr;
};

// A client of one peer. Thread-safe; keeps connections. Never retries: whether a repetition is safe
// is known only to the caller, who learns from the reason whether the request can have arrived.
class Client {
 public:
  static absl::StatusOr<std::unique_ptr<Client>> Make(const Options& options);
  ~Client();

  // Any HTTP status is an answer. UNAVAILABLE HTTP_NOT_SENT (refused, no route, TLS failed:
  // certainly without effect), UNAVAILABLE HTTP_CIRCUIT_OPEN (not tried), UNAVAILABLE
  // HTTP_OUTCOME_UNKNOWN (broken after sending began), DEADLINE_EXCEEDED HTTP_TIMEOUT (outcome
  // unknown too).
  absl::StatusOr<Response> Call(const Request& request);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lgsp::http
