#include "libs/rpc/admission.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/keys/x509.h"
#include "libs/status/status.h"

namespace lgsp::rpc {
namespace {

constexpr char kGateway[] = "gateway";
constexpr char kHealthService[] = "grpc.health.v1.Health";

}  // namespace

std::string ServiceOfIdentity(absl::string_view spiffe_id) {
  return absl::ConsumePrefix(&spiffe_id, keys::ServiceIdentity("")) ? std::string(spiffe_id) : "";
}

Admission::Admission(const CallRules& rules, std::vector<keys::VerifyKey> caller_keys,
                     const Clock* clock)
    : verifier_(std::move(caller_keys), clock) {
  for (const CallRule& rule : rules.rules()) {
    for (const std::string& method : rule.methods()) {
      allowed_.insert(absl::StrCat(rule.caller(), " ", rule.service(), "/", method));
    }
  }
}

absl::Status Admission::Check(absl::string_view peer, absl::string_view path,
                              absl::string_view caller_jws) const {
  absl::ConsumePrefix(&path, "/");
  const absl::string_view service = path.substr(0, path.find('/'));
  if (peer.empty() || !(allowed_.contains(absl::StrCat(peer, " ", path)) ||
                        allowed_.contains(absl::StrCat(peer, " ", service, "/*")))) {
    return MakeError(absl::StatusCode::kPermissionDenied, "CALL_NOT_LISTED",
                     "this service may not call this method", {{"caller", peer}, {"path", path}});
  }
  if (!caller_jws.empty()) return verifier_.Verify(caller_jws, service).status();
  if (peer == kGateway && service != kHealthService) {
    return MakeError(absl::StatusCode::kUnauthenticated, "CALLER_MISSING",
                     "a call through the gateway must carry lgsp-caller");
  }
  return absl::OkStatus();
}

}  // namespace lgsp::rpc
