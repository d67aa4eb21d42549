// The three calls to the national portal, behind the adapter of the national exchange.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/http/http.h"
#include "libs/metrics/metrics.h"
#include "services/national/config.pb.h"
#include "services/national/limits.h"
#include "services/national/portal_answer.h"
#include "services/national/portal_mapping.h"
#include "services/national/portal_session.h"

namespace lgsp::national {

// Thread-safe. Errors of every call: PORTAL_UNAVAILABLE, PORTAL_LOGIN_REFUSED; of those that write
// also PORTAL_FIELD_INVALID and PORTAL_OUTCOME_UNKNOWN.
class PortalClient {
 public:
  // What one SyncDossier has left.
  struct Attempt {
    absl::Time deadline = absl::InfiniteFuture();
    int session_renewals = kMaxSessionRenewals;
  };
  // How a write ended. kOvertaken: the portal holds something else than we saw (it has the dossier
  // already, or not any more, or it says that it knows the rows): look up again.
  enum class Written { kDone, kOvertaken };

  // Paths in `config` are beneath `base`. `metrics` and `clock` must outlive the client.
  // CONFIG_INVALID; those of config::ReadSecret for the credentials.
  static absl::StatusOr<std::unique_ptr<PortalClient>> Make(
      const PortalConfig& config, absl::string_view base, metrics::Registry* metrics,
      const Clock* clock, absl::Duration call_timeout = kPortalCallTimeout);

  // TraCuuHoSo. Nothing when the portal does not know the number.
  absl::StatusOr<std::optional<PortalDossier>> LookUp(Attempt& attempt, absl::string_view number);
  // DongBoHoSoMC.
  absl::StatusOr<Written> Insert(Attempt& attempt, const nlohmann::ordered_json& item);
  absl::StatusOr<Written> Update(Attempt& attempt, const nlohmann::ordered_json& item);
  // CapNhatTienDoHoSoMC.
  absl::StatusOr<Written> AddProgress(Attempt& attempt,
                                      const std::vector<nlohmann::ordered_json>& rows);

 private:
  PortalClient(const PortalConfig& config, absl::string_view base,
               std::unique_ptr<http::Client> http, const Clock* clock);

  absl::StatusOr<std::string> Login(absl::Time deadline);
  absl::StatusOr<PortalAnswer> Post(const std::string& url, const nlohmann::ordered_json& body,
                                    Effect effect, absl::Time deadline);
  // A call with the session, renewed when the portal says that it has expired.
  absl::StatusOr<PortalAnswer> Ask(Attempt& attempt, const char* service,
                                   const nlohmann::ordered_json& members, Effect effect);
  absl::StatusOr<Written> Write(Attempt& attempt, const char* service,
                                const nlohmann::ordered_json& members);

  const std::string login_url_;
  const std::string data_url_;
  const std::string agency_;
  const std::string credentials_file_;
  const std::unique_ptr<http::Client> http_;
  PortalSession session_;
};

}  // namespace lgsp::national
