// The calls to the agencies' signing system, and for the lists of its authorities.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lgsp/national/v1/signing.pb.h"
#include "libs/clock/clock.h"
#include "libs/http/http.h"
#include "libs/metrics/metrics.h"
#include "services/national/config.pb.h"
#include "services/national/limits.h"

namespace lgsp::national {

// Thread-safe. Metrics: peers `signing`, and `signing_crl` for the lists, whose publisher may be
// away while the system is there.
class SigningClient {
 public:
  // Paths in `config` are beneath `base`. `metrics` and `clock` must outlive the client.
  // CONFIG_INVALID.
  static absl::StatusOr<std::unique_ptr<SigningClient>> Make(
      const SigningConfig& config, absl::string_view base, metrics::Registry* metrics,
      const Clock* clock, absl::Duration call_timeout = kSigningCallTimeout);

  // The CMS for `request`; the errors of ReadSignature. An answer that was lost is looked up.
  absl::StatusOr<std::string> Sign(const v1::SignDigestRequest& request, absl::Time deadline);

  // One of each URL, not older than kCrlLifetime; of one that cannot be had the last there was, or
  // none, nor one that does not fit into kMaxCrlBytesTogether: a list says itself how long it
  // counts. SIGNING_UNAVAILABLE when there is not one.
  absl::StatusOr<std::vector<std::string>> RevocationLists(absl::Time deadline);

 private:
  struct List {
    std::string content;
    absl::Time fetched = absl::InfinitePast();
  };

  SigningClient(const SigningConfig& config, std::unique_ptr<http::Client> system,
                std::unique_ptr<http::Client> lists, const Clock* clock);

  absl::StatusOr<std::string> RevocationList(size_t index, absl::Time deadline);
  absl::StatusOr<std::string> FetchRevocationList(size_t index, absl::Time deadline);

  const std::string signatures_url_;
  const std::vector<std::string> crl_urls_;
  const std::unique_ptr<http::Client> system_;
  const std::unique_ptr<http::Client> lists_;
  const Clock* const clock_;
  absl::Mutex mutex_;
  // In the order of the URLs.
  std::vector<List> cache_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lgsp::national
