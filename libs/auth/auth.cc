#include "libs/auth/auth.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::auth {
namespace {

using lgsp::auth::v1::Caller;
using lgsp::auth::v1::Officer;

constexpr char kIssuer[] = "gateway";
constexpr size_t kMaxWord = 64;
constexpr size_t kMaxRoles = 8;
// Verified tokens that are remembered; when full, all are forgotten: they are verified again at
// once.
constexpr size_t kMaxRemembered = 4096;

absl::Status Unauthenticated(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, reason, message);
}

absl::Status OfficerInvalid() {
  return MakeFieldError("OFFICER_INVALID", kOfficerHeader,
                        "must be `id; unit; roles`, roles separated by commas");
}

}  // namespace

bool IsOfficerId(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxWord &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

absl::StatusOr<std::string> SignCaller(Caller caller, const keys::SigningKey& key,
                                       const Clock& clock) {
  const int64_t now = absl::ToUnixSeconds(clock.SecurityNow());
  caller.set_iss(kIssuer);
  caller.set_iat(static_cast<uint32_t>(now));
  caller.set_exp(static_cast<uint32_t>(now + absl::ToInt64Seconds(kCallerLifetime)));
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(caller, &json).ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "CALLER_INVALID",
                     "the caller has text that is not UTF-8");
  }
  return key.SignJws(json);
}

absl::StatusOr<Officer> ParseOfficer(absl::string_view header) {
  std::vector<absl::string_view> parts = absl::StrSplit(header, ';');
  if (parts.size() != 3) return OfficerInvalid();
  for (absl::string_view& part : parts) part = absl::StripAsciiWhitespace(part);
  Officer officer;
  if (!IsOfficerId(parts[0]) || !IsOfficerId(parts[1])) return OfficerInvalid();
  officer.set_id(std::string(parts[0]));
  officer.set_unit(std::string(parts[1]));
  if (!parts[2].empty()) {
    for (const absl::string_view role : absl::StrSplit(parts[2], ',')) {
      const absl::string_view word = absl::StripAsciiWhitespace(role);
      if (!IsOfficerId(word) || officer.roles_size() == static_cast<int>(kMaxRoles)) {
        return OfficerInvalid();
      }
      officer.add_roles(std::string(word));
    }
  }
  return officer;
}

bool AgencyMatches(absl::string_view pattern, absl::string_view code) {
  if (pattern == "*") return true;
  if (!absl::ConsumeSuffix(&pattern, ".*")) return pattern == code;
  return absl::StartsWith(code, pattern) &&
         (code.size() == pattern.size() || code[pattern.size()] == '.');
}

bool ActsFor(const Caller& caller, absl::string_view code) {
  return std::any_of(caller.agencies().begin(), caller.agencies().end(),
                     [code](const std::string& pattern) { return AgencyMatches(pattern, code); });
}

CallerVerifier::CallerVerifier(std::vector<keys::VerifyKey> keys, const Clock* clock)
    : keys_(std::move(keys)), clock_(clock) {}

absl::StatusOr<Caller> CallerVerifier::Parse(absl::string_view jws) const {
  const auto payload = keys::VerifyJws(jws, keys_);
  if (!payload.ok()) {
    return Unauthenticated("CALLER_INVALID", "lgsp-caller is not signed by a gateway");
  }
  Caller caller;
  if (!google::protobuf::util::JsonStringToMessage(*payload, &caller).ok() ||
      caller.iss() != kIssuer || caller.system().empty()) {
    return Unauthenticated("CALLER_INVALID", "lgsp-caller does not name a caller");
  }
  return caller;
}

absl::StatusOr<Caller> CallerVerifier::Verify(absl::string_view jws,
                                              absl::string_view service) const {
  // Only the digest is kept: the token itself is a credential.
  const std::string digest = keys::Sha256(jws);
  std::optional<Caller> caller;
  {
    absl::MutexLock lock(&mutex_);
    if (const auto it = verified_.find(digest); it != verified_.end()) caller = it->second;
  }
  if (!caller.has_value()) {
    ASSIGN_OR_RETURN(caller, Parse(jws));
    absl::MutexLock lock(&mutex_);
    if (verified_.size() >= kMaxRemembered) verified_.clear();
    verified_.emplace(digest, *caller);
  }
  const int64_t now = absl::ToUnixSeconds(clock_->SecurityNow());
  const int64_t skew = absl::ToInt64Seconds(kClockSkew);
  if (now >= int64_t{caller->exp()} + skew || now < int64_t{caller->iat()} - skew ||
      int64_t{caller->exp()} - int64_t{caller->iat()} > absl::ToInt64Seconds(kCallerLifetime)) {
    return Unauthenticated("CALLER_EXPIRED", "lgsp-caller is not valid at this time");
  }
  if (caller->aud() != service) {
    return Unauthenticated("CALLER_FOR_OTHER_SERVICE", "lgsp-caller is meant for another service");
  }
  return *std::move(caller);
}

}  // namespace lgsp::auth
