// The policy as the workers use it: compiled from a snapshot, immutable, shared. Deny by default.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "lgsp/registry/v1/policy.pb.h"
#include "libs/auth/access_token.h"
#include "services/gateway/gateway_metrics.h"
#include "services/gateway/quota.h"
#include "services/gateway/rest.h"

namespace lgsp::gateway {

// One method of one service, or one REST service: where it is, and its metrics.
struct Route {
  std::string service;
  std::string method;  // `rest` of a REST service
  const lgsp::registry::v1::PolicyService* upstreams = nullptr;
  RouteMetrics metrics;
};

// What an agreement lets a system do with one method.
struct Grant {
  const lgsp::registry::v1::Agreement* agreement = nullptr;
  absl::Time valid_from;
  absl::Time valid_until;
  // The agreement's, shared by all its methods; nullptr: none.
  std::shared_ptr<Quota> quota;
};

// What an agreement lets a system do with one REST service.
struct RestGrant {
  Grant grant;
  std::vector<Endpoint> endpoints;
};

// A system that may call.
struct SystemEntry {
  const lgsp::registry::v1::PolicySystem* system = nullptr;
  // By path, `/lgsp.dossiers.v1.Dossiers/GetDossier`.
  // An agreement and the one that continues it, say.
  absl::flat_hash_map<std::string, std::vector<Grant>> grants;
  // By REST service, `r1/VN/GOV/CAMAU/LAND/parcels`.
  absl::flat_hash_map<std::string, std::vector<RestGrant>> rest_grants;
};

// True of a service that is called by REST.
bool IsRestService(absl::string_view name);

// PURE: the grant that lets `system` call `path` now, the first in the order of the snapshot.
// PERMISSION_DENIED NO_AGREEMENT, AGREEMENT_NOT_IN_FORCE.
absl::StatusOr<const Grant*> FindGrant(const SystemEntry* system, absl::string_view path,
                                       absl::Time now);

// The same of a REST call, with the endpoint of the agreement that it is.
struct RestMatch {
  const Grant* grant = nullptr;
  const Endpoint* endpoint = nullptr;
};
absl::StatusOr<RestMatch> FindRestGrant(const SystemEntry* system, const RestTarget& target,
                                        absl::string_view method, absl::Time now);

class Policy {
 public:
  // Services may be on the gateway's own machine and link (DESIGN.md section 6).
  enum class Upstreams { kAnywhere, kNotLocal };

  // INVALID_ARGUMENT POLICY_INVALID: descriptors that do not fit together, an agreement with an
  // unknown system, service or method, one key for two systems, the address of an upstream that is
  // not `<ip>:<port>` or not allowed, a quota that is none. `quotas`: where those of the agreements
  // are counted; nullptr: they are not.
  static absl::StatusOr<std::shared_ptr<const Policy>> Compile(
      const lgsp::registry::v1::PolicySnapshot& snapshot, Upstreams upstreams,
      GatewayMetrics* metrics, QuotaTable* quotas = nullptr);

  // nullptr when unknown.
  const SystemEntry* FindSystem(absl::string_view spki_sha256) const;
  const SystemEntry* FindSystemByName(absl::string_view name) const;
  const Route* FindRoute(absl::string_view path) const;

  const std::vector<auth::TokenIssuer>& token_issuers() const { return token_issuers_; }
  // Equal for policies that believe the same tokens.
  const std::string& issuers_id() const { return issuers_id_; }

  // Another one for each policy of this process.
  uint64_t serial() const { return serial_; }
  uint64_t epoch() const { return snapshot_.epoch(); }
  uint64_t version() const { return snapshot_.version(); }
  const lgsp::registry::v1::PolicySnapshot& snapshot() const { return snapshot_; }
  const google::protobuf::DescriptorPool& descriptors() const { return *pool_; }

 private:
  absl::Status LoadDescriptors();
  absl::Status LoadRoutes(Upstreams upstreams, GatewayMetrics* metrics);
  absl::Status LoadGrants();
  // `system`: the consumer of `grant`.
  absl::Status LoadMethods(const Grant& grant, SystemEntry& system) const;
  static absl::Status LoadEndpoints(const Grant& grant, SystemEntry& system);
  // Last: the quotas of the policy in force change with it.
  void LoadQuotas(QuotaTable& quotas);
  absl::Status LoadTokenIssuers();

  uint64_t serial_ = 0;
  lgsp::registry::v1::PolicySnapshot snapshot_;
  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  absl::flat_hash_map<std::string, Route> routes_;         // by path
  absl::flat_hash_map<std::string, SystemEntry> systems_;  // by name
  absl::flat_hash_map<std::string, std::string> by_key_;   // SPKI digest -> name
  std::vector<auth::TokenIssuer> token_issuers_;
  std::string issuers_id_;
};

}  // namespace lgsp::gateway
