#include "tools/lgsp/policy_compiler.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/message_differencer.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/config/config.h"
#include "libs/keys/x509.h"
#include "libs/status/status.h"
#include "tools/lgsp/catalog.h"
#include "tools/lgsp/folder_lock.h"

namespace lgsp::cli {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::util::MessageDifferencer;
using google::protobuf::util::TimeUtil;
using registry::v1::PolicySnapshot;
using registry::v1::SignedSnapshot;

// Epoch, version.
using Version = std::pair<uint64_t, uint64_t>;
constexpr uint64_t kFirstEpoch = 1;
// Of the access tokens that the identity service of this platform issues.
constexpr char kTokenIssuer[] = "https://lgsp.camau.gov.vn/oauth2";
constexpr char kTokenAudience[] = "lgsp.camau.gov.vn";

absl::Status LoadDescriptors(absl::string_view path, DescriptorPool& pool) {
  ASSIGN_OR_RETURN(const std::string bytes, config::ReadFile(path));
  FileDescriptorSet files;
  bool ok = files.ParseFromString(bytes);
  for (const auto& file : files.file()) ok = ok && pool.BuildFile(file) != nullptr;
  if (ok) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "DESCRIPTORS_INVALID",
                   absl::StrCat(path, ": not a complete set of descriptors"), {{"path", path}});
}

// Those of an agency's services. What the platform has too must be the same.
absl::Status AddAgencyDescriptors(const DataFolder& folder, const MergedCatalog& merged,
                                  DescriptorPool& pool) {
  std::set<std::string> seen;
  for (const auto& service : merged.catalog.services()) {
    const std::string& file = service.descriptors_file();
    if (file.empty() || !seen.insert(file).second) continue;
    const auto wrong = [&](absl::string_view what) {
      return merged.Wrong("CATALOG_DESCRIPTORS_INVALID", service.name(),
                          absl::StrCat("descriptors_file ", file, " ", what));
    };
    if (absl::StartsWith(file, "/") || absl::StrContains(file, "..")) {
      return wrong("is not inside the data folder");
    }
    const auto bytes = config::ReadFile(folder.Path(file));
    FileDescriptorSet files;
    if (!bytes.ok() || !files.ParseFromString(*bytes)) return wrong("is no set of descriptors");
    for (const auto& proto : files.file()) {
      const FileDescriptor* const known = pool.FindFileByName(proto.name());
      if (known == nullptr && pool.BuildFile(proto) == nullptr) {
        return wrong(absl::StrCat("has ", proto.name(), ", which does not fit the others"));
      }
      FileDescriptorProto present;
      if (known != nullptr) {
        known->CopyTo(&present);
        known->CopyJsonNameTo(&present);
      }
      if (known != nullptr && present.SerializeAsString() != proto.SerializeAsString()) {
        return wrong(absl::StrCat("has another ", proto.name()));
      }
    }
  }
  return absl::OkStatus();
}

// What a file imports comes before it.
void CollectFiles(const FileDescriptor& file, std::set<std::string>& seen, FileDescriptorSet& out) {
  if (!seen.insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) CollectFiles(*file.dependency(i), seen, out);
  file.CopyTo(out.add_file());
}

std::string DescriptorsOf(const registry::v1::Catalog& catalog, const DescriptorPool& pool) {
  std::set<std::string> names;
  for (const auto& service : catalog.services()) names.insert(service.name());
  FileDescriptorSet out;
  std::set<std::string> seen;
  for (const auto& name : names) {
    // A REST service has none.
    const auto* service = pool.FindServiceByName(name);
    if (service != nullptr) CollectFiles(*service->file(), seen, out);
  }
  return out.SerializeAsString();
}

absl::Status AddSystem(const DataFolder& folder, const MergedCatalog& merged,
                       const registry::v1::System& system,
                       std::map<std::string, std::string>& owner_of_key, PolicySnapshot& policy) {
  registry::v1::PolicySystem& out = *policy.add_systems();
  out.set_name(system.name());
  out.set_participant(system.participant());
  out.set_xroad_client(system.xroad_client());
  *out.mutable_agencies() = system.agencies();
  for (const auto& file : system.certificate_files()) {
    const auto wrong = [&](absl::string_view what) {
      return merged.Wrong("CATALOG_CERTIFICATE_INVALID", system.name(),
                          absl::StrCat("certificate ", file, " ", what));
    };
    if (absl::StartsWith(file, "/") || absl::StrContains(file, "..")) {
      return wrong("is not inside the data folder");
    }
    const auto pem = config::ReadFile(folder.Path(file));
    if (!pem.ok()) return wrong("cannot be read");
    const auto spki = keys::SpkiSha256(*pem);
    if (!spki.ok()) return wrong("is not a certificate in PEM");
    const auto [owner, added] = owner_of_key.emplace(*spki, system.name());
    if (!added) return wrong(absl::StrCat("has the key of ", owner->second, " too"));
    out.add_spki_sha256(*spki);
  }
  return absl::OkStatus();
}

void AddBackend(const registry::v1::Backend& backend, registry::v1::PolicyService& out) {
  out.set_base_path(backend.base_path());
  for (const auto& address : backend.addresses()) {
    auto& upstream = *out.add_upstreams();
    upstream.set_address(address);
    upstream.set_tls_identity(backend.tls_identity());
    if (backend.http1()) upstream.set_protocol(registry::v1::Upstream::HTTP1);
  }
}

// The platform's own identity service, by the key that it will sign with.
absl::Status AddTokenIssuer(const DataFolder& folder, PolicySnapshot& policy) {
  ASSIGN_OR_RETURN(const std::string pem, config::ReadFile(folder.PublicKey("token")));
  ASSIGN_OR_RETURN(const keys::VerifyKey key, keys::VerifyKey::FromPem(pem));
  auto& issuer = *policy.add_token_issuers();
  issuer.set_issuer(kTokenIssuer);
  issuer.set_audience(kTokenAudience);
  issuer.add_public_keys(key.Bytes());
  return absl::OkStatus();
}

// The policy without version and time. The order of its entries is the order of the catalogue.
absl::StatusOr<PolicySnapshot> Join(const DataFolder& folder, const MergedCatalog& merged,
                                    const DescriptorPool& pool, absl::Time now) {
  PolicySnapshot policy;
  std::map<std::string, std::string> owner_of_key;
  for (const auto& system : merged.catalog.systems()) {
    if (system.demo() && !folder.demo()) continue;
    RETURN_IF_ERROR(AddSystem(folder, merged, system, owner_of_key, policy));
  }
  for (const auto& service : merged.catalog.services()) {
    if (service.demo() && !folder.demo()) continue;
    auto& out = *policy.add_services();
    out.set_name(service.name());
    out.set_provider(service.provider());
    if (service.has_backend()) {
      AddBackend(service.backend(), out);
      continue;
    }
    ASSIGN_OR_RETURN(const Process process, folder.FindProcess(service.platform_service()));
    auto& upstream = *out.add_upstreams();
    upstream.set_address(process.address());
    upstream.set_tls_identity(keys::ServiceIdentity(service.platform_service()));
  }
  const auto now_stamp = TimeUtil::SecondsToTimestamp(absl::ToUnixSeconds(now));
  for (const auto& agreement : merged.catalog.agreements()) {
    if (agreement.demo() && !folder.demo()) continue;
    if (agreement.has_valid_until() && agreement.valid_until() <= now_stamp) continue;
    *policy.add_agreements() = agreement;
  }
  policy.set_descriptors(DescriptorsOf(merged.catalog, pool));
  RETURN_IF_ERROR(AddTokenIssuer(folder, policy));
  return policy;
}

template <typename Entries>
void DiffEntries(const Entries& before, const Entries& after, PolicyDiff& diff) {
  using Entry = typename Entries::value_type;
  std::map<std::string, const Entry*> old;
  for (const Entry& entry : before) old[entry.name()] = &entry;
  for (const Entry& entry : after) {
    const auto found = old.find(entry.name());
    if (found == old.end()) {
      diff.added.push_back(entry.name());
      continue;
    }
    if (!MessageDifferencer::Equals(*found->second, entry)) diff.changed.push_back(entry.name());
    old.erase(found);
  }
  for (const auto& [name, entry] : old) diff.removed.push_back(name);
}

PolicyDiff DiffPolicies(const PolicySnapshot& before, const PolicySnapshot& after) {
  PolicyDiff diff;
  DiffEntries(before.systems(), after.systems(), diff);
  DiffEntries(before.services(), after.services(), diff);
  DiffEntries(before.agreements(), after.agreements(), diff);
  const auto issuers_of = [](const PolicySnapshot& policy) {
    PolicySnapshot issuers;
    *issuers.mutable_token_issuers() = policy.token_issuers();
    return issuers;
  };
  if (!MessageDifferencer::Equals(issuers_of(before), issuers_of(after))) {
    (before.token_issuers().empty() ? diff.added : diff.changed).push_back("token issuers");
  }
  if (before.descriptors() != after.descriptors()) {
    (before.descriptors().empty() ? diff.added : diff.changed).push_back("descriptors");
  }
  return diff;
}

absl::Status WritePolicy(const DataFolder& folder, const PolicySnapshot& policy) {
  ASSIGN_OR_RETURN(const std::string pem, config::ReadSecret(folder.PrivateKey("policy")));
  ASSIGN_OR_RETURN(const keys::SigningKey key, keys::SigningKey::FromPem(pem));
  SignedSnapshot out;
  out.set_snapshot(policy.SerializeAsString());
  out.set_signature(key.Sign(absl::StrCat(kPolicySignaturePrefix, out.snapshot())));
  out.set_key_id(key.id());
  return config::WriteFile(folder.PolicySnapshot(), out.SerializeAsString());
}

absl::StatusOr<std::optional<PolicySnapshot>> OldPolicy(const DataFolder& folder) {
  ASSIGN_OR_RETURN(const std::string pem, config::ReadFile(folder.PublicKey("policy")));
  ASSIGN_OR_RETURN(const keys::VerifyKey key, keys::VerifyKey::FromPem(pem));
  auto old = ReadPolicy(folder.PolicySnapshot(), key);
  if (absl::IsNotFound(old.status())) return std::optional<PolicySnapshot>();
  RETURN_IF_ERROR(old.status());
  return std::optional<PolicySnapshot>(*std::move(old));
}

// The version the gateway took last, which it takes no older one after; 0, 0: none.
absl::StatusOr<Version> VersionTaken(const DataFolder& folder) {
  const auto state = config::ReadFile(folder.PolicyState());
  if (absl::IsNotFound(state.status())) return Version(0, 0);
  RETURN_IF_ERROR(state.status());
  const std::vector<absl::string_view> words = absl::StrSplit(absl::StripSuffix(*state, "\n"), ' ');
  Version version;
  if (words.size() == 2 && absl::SimpleAtoi(words[0], &version.first) &&
      absl::SimpleAtoi(words[1], &version.second)) {
    return version;
  }
  return MakeError(absl::StatusCode::kDataLoss, "POLICY_STATE_INVALID",
                   absl::StrCat(folder.PolicyState(), ": not `<epoch> <version>`"),
                   {{"path", folder.PolicyState()}});
}

}  // namespace

absl::StatusOr<PolicySnapshot> ReadPolicy(absl::string_view path, const keys::VerifyKey& key) {
  ASSIGN_OR_RETURN(const std::string bytes, config::ReadFile(path));
  SignedSnapshot stored;
  PolicySnapshot policy;
  if (!stored.ParseFromString(bytes) ||
      !key.Verify(absl::StrCat(kPolicySignaturePrefix, stored.snapshot()), stored.signature()) ||
      !policy.ParseFromString(stored.snapshot())) {
    return MakeError(absl::StatusCode::kDataLoss, "POLICY_INVALID",
                     absl::StrCat(path, ": not a policy signed with this folder's key"),
                     {{"path", path}});
  }
  return policy;
}

absl::StatusOr<CompiledPolicy> CompilePolicy(const DataFolder& folder, const PolicySources& sources,
                                             absl::Time now) {
  // Two at once would sign two contents with one version, or an older catalogue with a newer one.
  ASSIGN_OR_RETURN(const FolderLock lock,
                   FolderLock::Take(folder.CompileLockFile(), "lgsp registry compile"));
  DescriptorPool pool;
  RETURN_IF_ERROR(LoadDescriptors(sources.descriptors_file, pool));
  ASSIGN_OR_RETURN(const MergedCatalog merged, ReadCatalog(sources.catalog_folder));
  RETURN_IF_ERROR(AddAgencyDescriptors(folder, merged, pool));
  RETURN_IF_ERROR(CheckCatalog(merged, pool, folder.platform()));
  ASSIGN_OR_RETURN(PolicySnapshot policy, Join(folder, merged, pool, now));
  ASSIGN_OR_RETURN(const auto old, OldPolicy(folder));
  ASSIGN_OR_RETURN(const Version taken, VersionTaken(folder));
  const Version stored = old.has_value() ? Version(old->epoch(), old->version()) : Version(0, 0);

  CompiledPolicy result;
  result.diff = DiffPolicies(old.value_or(PolicySnapshot()), policy);
  if (old.has_value() && result.diff.empty() && stored >= taken) {
    result.version = old->version();
    return result;
  }
  const auto [epoch, version] = std::max(stored, taken);
  policy.set_epoch(std::max(epoch, kFirstEpoch));
  policy.set_version(version + 1);
  *policy.mutable_create_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(now));
  RETURN_IF_ERROR(WritePolicy(folder, policy));
  result.version = policy.version();
  result.written = true;
  return result;
}

}  // namespace lgsp::cli
