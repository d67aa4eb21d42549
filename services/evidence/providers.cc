#include "services/evidence/providers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lgsp/registry/v1/policy.pb.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

// What a snapshot's signature is over, before its bytes (lgsp/registry/v1/policy.proto).
constexpr char kSignaturePrefix[] = "lgsp-policy-v1\n";

}  // namespace

absl::Status Providers::Refresh() {
  ASSIGN_OR_RETURN(std::string content, config::ReadFile(file_));
  absl::MutexLock lock(&mutex_);
  if (content == content_) return absl::OkStatus();
  lgsp::registry::v1::SignedSnapshot stored;
  lgsp::registry::v1::PolicySnapshot policy;
  const bool read = stored.ParseFromString(content);
  const std::string text = absl::StrCat(kSignaturePrefix, stored.snapshot());
  const bool ours = std::any_of(keys_.begin(), keys_.end(), [&](const keys::VerifyKey& key) {
    return key.Verify(text, stored.signature());
  });
  if (!read || !ours || !policy.ParseFromString(stored.snapshot())) {
    return MakeError(absl::StatusCode::kDataLoss, "POLICY_INVALID",
                     absl::StrCat(file_, ": not a policy signed with a known key"));
  }
  by_service_.clear();
  for (const auto& service : policy.services()) by_service_[service.name()] = service.provider();
  content_ = std::move(content);
  return absl::OkStatus();
}

std::string Providers::ProviderOf(absl::string_view service) const {
  absl::MutexLock lock(&mutex_);
  const auto found = by_service_.find(service);
  return found == by_service_.end() ? "" : found->second;
}

}  // namespace lgsp::evidence
