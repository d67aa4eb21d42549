#include "services/gateway/policy.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/gateway/endpoint.h"
#include "services/gateway/limits.h"
#include "services/gateway/path_rule.h"

namespace lgsp::gateway {
namespace {

using lgsp::registry::v1::Agreement;
using lgsp::registry::v1::PolicyService;
using lgsp::registry::v1::PolicySnapshot;
using lgsp::registry::v1::PolicySystem;

constexpr char kEveryMethod[] = "*";
constexpr char kEveryEndpoint[] = "* /**";
// 169.254.0.0/16
constexpr uint32_t kLinkLocal = 0xA9FE;

absl::Status Invalid(absl::string_view name, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "POLICY_INVALID",
                   absl::StrCat(name, ": ", what), {{"entry", name}});
}

absl::Status CheckUpstream(const lgsp::registry::v1::Upstream& upstream,
                           Policy::Upstreams allowed) {
  const auto endpoint = ParseEndpoint(upstream.address());
  if (!endpoint.ok() || endpoint->port() == 0) {
    return Invalid(upstream.address(), "an upstream must be <ip>:<port>");
  }
  namespace ip = boost::asio::ip;
  ip::address address = endpoint->address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  const bool link_local = address.is_v6() ? address.to_v6().is_link_local()
                                          : (address.to_v4().to_uint() >> 16) == kLinkLocal;
  if (address.is_unspecified() || address.is_multicast() ||
      (allowed == Policy::Upstreams::kNotLocal && (address.is_loopback() || link_local))) {
    return Invalid(upstream.address(), "this address cannot be an upstream");
  }
  if (upstream.tls_identity().empty() &&
      (allowed == Policy::Upstreams::kNotLocal || !address.is_loopback())) {
    return Invalid(upstream.address(), "an upstream without tls_identity must be on loopback");
  }
  return absl::OkStatus();
}

bool IsInForce(const Grant& grant, absl::Time now) {
  return now >= grant.valid_from && now < grant.valid_until;
}

absl::Status NoAgreement(absl::string_view path) {
  return MakeError(absl::StatusCode::kPermissionDenied, "NO_AGREEMENT",
                   "no agreement lets this system call this method", {{"path", path}});
}

absl::Status NotInForce(const Agreement& agreement) {
  return MakeError(absl::StatusCode::kPermissionDenied, "AGREEMENT_NOT_IN_FORCE",
                   "the agreement is not in force at this time", {{"agreement", agreement.name()}});
}

}  // namespace

bool IsRestService(absl::string_view name) {
  return absl::StartsWith(absl::StrCat("/", name), kRestPrefix);
}

absl::StatusOr<const Grant*> FindGrant(const SystemEntry* system, absl::string_view path,
                                       absl::Time now) {
  const std::vector<Grant>* grants = nullptr;
  if (system != nullptr) {
    const auto it = system->grants.find(path);
    if (it != system->grants.end()) grants = &it->second;
  }
  if (grants == nullptr) return NoAgreement(path);
  for (const Grant& grant : *grants) {
    if (IsInForce(grant, now)) return &grant;
  }
  return NotInForce(*grants->front().agreement);
}

absl::StatusOr<RestMatch> FindRestGrant(const SystemEntry* system, const RestTarget& target,
                                        absl::string_view method, absl::Time now) {
  const RestGrant* outside = nullptr;
  if (system != nullptr) {
    const auto it = system->rest_grants.find(target.service);
    if (it != system->rest_grants.end()) {
      for (const RestGrant& rest : it->second) {
        for (const Endpoint& endpoint : rest.endpoints) {
          if (!Matches(endpoint, method, target.segments)) continue;
          if (IsInForce(rest.grant, now)) return RestMatch{&rest.grant, &endpoint};
          outside = &rest;
        }
      }
    }
  }
  if (outside != nullptr) return NotInForce(*outside->grant.agreement);
  // The path itself may name a person.
  return NoAgreement(absl::StrCat("/", target.service));
}

absl::StatusOr<std::shared_ptr<const Policy>> Policy::Compile(const PolicySnapshot& snapshot,
                                                              Upstreams upstreams,
                                                              GatewayMetrics* metrics,
                                                              QuotaTable* quotas) {
  static std::atomic<uint64_t> serial{0};
  auto policy = std::make_shared<Policy>();
  policy->serial_ = serial.fetch_add(1) + 1;
  policy->snapshot_ = snapshot;
  RETURN_IF_ERROR(policy->LoadDescriptors());
  RETURN_IF_ERROR(policy->LoadRoutes(upstreams, metrics));
  RETURN_IF_ERROR(policy->LoadGrants());
  RETURN_IF_ERROR(policy->LoadTokenIssuers());
  if (quotas != nullptr) policy->LoadQuotas(*quotas);
  return std::shared_ptr<const Policy>(std::move(policy));
}

absl::Status Policy::LoadDescriptors() {
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromString(snapshot_.descriptors()))
    return Invalid("descriptors", "are unreadable");
  pool_ = std::make_unique<google::protobuf::DescriptorPool>();
  for (const auto& file : files.file()) {
    if (pool_->BuildFile(file) == nullptr)
      return Invalid(file.name(), "does not fit the other descriptors");
  }
  return absl::OkStatus();
}

absl::Status Policy::LoadRoutes(Upstreams upstreams, GatewayMetrics* metrics) {
  for (const PolicyService& service : snapshot_.services()) {
    const bool rest = IsRestService(service.name());
    const auto* descriptor = pool_->FindServiceByName(service.name());
    if (descriptor == nullptr && !rest) return Invalid(service.name(), "has no descriptor");
    if (service.upstreams().empty()) return Invalid(service.name(), "has no upstream");
    for (const auto& upstream : service.upstreams()) {
      RETURN_IF_ERROR(CheckUpstream(upstream, upstreams));
      if (!rest && upstream.protocol() == lgsp::registry::v1::Upstream::HTTP1) {
        return Invalid(service.name(), "is gRPC, which needs HTTP/2");
      }
    }
    const auto add = [&](const std::string& path, const std::string& method) {
      routes_.emplace(
          path, Route{service.name(), method, &service, metrics->ForRoute(service.name(), method)});
    };
    if (rest) {
      if (!ParseRestTarget(absl::StrCat("/", service.name())).ok() ||
          (!service.base_path().empty() && !SplitPath(service.base_path()).ok())) {
        return Invalid(service.name(), "is not r1/ and five identifiers, or has a bad base_path");
      }
      add(absl::StrCat("/", service.name()), "rest");
      continue;
    }
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const std::string& method = descriptor->method(i)->name();
      add(absl::StrCat("/", service.name(), "/", method), method);
    }
  }
  return absl::OkStatus();
}

absl::Status Policy::LoadGrants() {
  for (const PolicySystem& system : snapshot_.systems()) {
    systems_[system.name()].system = &system;
    for (const std::string& key : system.spki_sha256()) {
      if (!by_key_.emplace(key, system.name()).second)
        return Invalid(system.name(), "shares a key");
    }
  }
  std::set<absl::string_view> services;
  for (const PolicyService& service : snapshot_.services()) services.insert(service.name());
  for (const Agreement& agreement : snapshot_.agreements()) {
    const auto system = systems_.find(agreement.consumer());
    if (system == systems_.end() || services.count(agreement.service()) == 0) {
      return Invalid(agreement.name(), "names an unknown system or service");
    }
    if (agreement.has_quota() && !Quota::IsValid(agreement.quota())) {
      return Invalid(agreement.name(), "has a quota that is none");
    }
    Grant grant{&agreement, absl::InfinitePast(), absl::InfiniteFuture(), nullptr};
    if (agreement.has_valid_from()) grant.valid_from = ToTime(agreement.valid_from());
    if (agreement.has_valid_until()) grant.valid_until = ToTime(agreement.valid_until());
    RETURN_IF_ERROR(IsRestService(agreement.service()) ? LoadEndpoints(grant, system->second)
                                                       : LoadMethods(grant, system->second));
  }
  return absl::OkStatus();
}

absl::Status Policy::LoadMethods(const Grant& grant, SystemEntry& system) const {
  const Agreement& agreement = *grant.agreement;
  const auto* descriptor = pool_->FindServiceByName(agreement.service());
  const bool every = agreement.methods_size() == 1 && agreement.methods(0) == kEveryMethod;
  for (int i = 0; i < descriptor->method_count(); ++i) {
    const std::string& method = descriptor->method(i)->name();
    const bool named = std::find(agreement.methods().begin(), agreement.methods().end(), method) !=
                       agreement.methods().end();
    if (every || named) {
      system.grants[absl::StrCat("/", agreement.service(), "/", method)].push_back(grant);
    }
  }
  for (const std::string& method : agreement.methods()) {
    if (!every && descriptor->FindMethodByName(method) == nullptr) {
      return Invalid(agreement.name(), absl::StrCat("names an unknown method ", method));
    }
  }
  return absl::OkStatus();
}

absl::Status Policy::LoadEndpoints(const Grant& grant, SystemEntry& system) {
  const Agreement& agreement = *grant.agreement;
  RestGrant rest{grant, {}};
  for (const std::string& method : agreement.methods()) {
    auto endpoint = ParseEndpointPattern(method == kEveryMethod ? kEveryEndpoint : method);
    if (!endpoint.ok()) return Invalid(agreement.name(), endpoint.status().message());
    rest.endpoints.push_back(*std::move(endpoint));
  }
  system.rest_grants[agreement.service()].push_back(std::move(rest));
  return absl::OkStatus();
}

void Policy::LoadQuotas(QuotaTable& quotas) {
  const auto load = [&](Grant& grant) {
    if (!grant.agreement->has_quota()) return;
    grant.quota = quotas.Find(grant.agreement->name(), grant.agreement->quota());
  };
  for (auto& [name, system] : systems_) {
    for (auto& [path, grants] : system.grants) {
      for (Grant& grant : grants) load(grant);
    }
    for (auto& [service, grants] : system.rest_grants) {
      for (RestGrant& rest : grants) load(rest.grant);
    }
  }
}

absl::Status Policy::LoadTokenIssuers() {
  for (const auto& issuer : snapshot_.token_issuers()) {
    if (issuer.issuer().empty() || issuer.audience().empty() || issuer.public_keys().empty() ||
        issuer.public_keys_size() > kMaxIssuerKeys) {
      return Invalid(issuer.issuer(), "is not an issuer with an audience and one to four keys");
    }
    auth::TokenIssuer& out = token_issuers_.emplace_back();
    out.issuer = issuer.issuer();
    out.audience = issuer.audience();
    for (const std::string& raw : issuer.public_keys()) {
      auto key = keys::VerifyKey::FromBytes(raw);
      if (!key.ok()) return Invalid(issuer.issuer(), "has a key that is not Ed25519");
      out.keys.push_back(*std::move(key));
    }
    absl::StrAppend(&issuers_id_, issuer.SerializeAsString(), "\n");
  }
  return absl::OkStatus();
}

const SystemEntry* Policy::FindSystem(absl::string_view spki_sha256) const {
  const auto it = by_key_.find(spki_sha256);
  return it == by_key_.end() ? nullptr : FindSystemByName(it->second);
}

const SystemEntry* Policy::FindSystemByName(absl::string_view name) const {
  const auto it = systems_.find(name);
  return it == systems_.end() ? nullptr : &it->second;
}

const Route* Policy::FindRoute(absl::string_view path) const {
  const auto it = routes_.find(path);
  return it == routes_.end() ? nullptr : &it->second;
}

}  // namespace lgsp::gateway
