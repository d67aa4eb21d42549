#include "services/gateway/pipeline.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/auth/access_token.h"
#include "libs/auth/auth.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "services/gateway/limits.h"
#include "services/gateway/rest.h"

namespace lgsp::gateway {
namespace {

using lgsp::auth::v1::Caller;

constexpr char kSystemHeader[] = "lgsp-system";
constexpr size_t kMaxDossierName = 128;
constexpr size_t kMaxPurpose = 64;

// Not forwarded: they are about the connection, or are credentials for us.
constexpr absl::string_view kDropped[] = {"connection",          "keep-alive", "proxy-connection",
                                          "transfer-encoding",   "upgrade",    "authorization",
                                          "proxy-authorization", "cookie",     "grpc-timeout",
                                          "traceparent",         "host",       "te"};

absl::Status Denied(absl::string_view reason, absl::string_view message,
                    ErrorMetadata metadata = {}) {
  return MakeError(absl::StatusCode::kPermissionDenied, reason, message, metadata);
}

absl::Status NotRepresented(const Caller& caller) {
  return Denied("AGENCY_NOT_REPRESENTED", "the system does not act for the officer's unit",
                {{"agency", caller.officer().unit()}});
}

absl::Status CheckReserved(const Headers& fields) {
  for (const Header field : fields) {
    if (field.name == auth::kCallerHeader || field.name == kSystemHeader) {
      return MakeFieldError("HEADER_RESERVED", field.name, "may not come from outside");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadPurpose(const RequestHead& head, const lgsp::registry::v1::Agreement& agreement,
                         Caller& caller) {
  const absl::string_view purpose = FieldOf(head.fields, auth::kPurposeHeader);
  if (purpose.empty()) {
    if (agreement.purposes().empty()) return absl::OkStatus();
    return MakeFieldError("PURPOSE_REQUIRED", auth::kPurposeHeader,
                          "the agreement demands a purpose");
  }
  const bool plain =
      purpose.size() <= kMaxPurpose && std::all_of(purpose.begin(), purpose.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
      });
  if (!plain) {
    return MakeFieldError("PURPOSE_INVALID", auth::kPurposeHeader,
                          "must be 1 to 64 letters, digits, _ - or .");
  }
  // An agreement that lists none leaves it to the system to say what the call is for.
  const bool listed = std::find(agreement.purposes().begin(), agreement.purposes().end(),
                                std::string(purpose)) != agreement.purposes().end();
  if (!agreement.purposes().empty() && !listed) {
    return Denied("PURPOSE_NOT_ALLOWED", "the agreement does not allow this purpose",
                  {{"agreement", agreement.name()}});
  }
  caller.set_purpose(std::string(purpose));
  return absl::OkStatus();
}

absl::Status ReadDossier(const RequestHead& head, const lgsp::registry::v1::Agreement& agreement,
                         Caller& caller) {
  const absl::string_view dossier = FieldOf(head.fields, auth::kDossierHeader);
  if (dossier.empty()) {
    if (!agreement.dossier_required()) return absl::OkStatus();
    return MakeFieldError("DOSSIER_REQUIRED", auth::kDossierHeader,
                          "the agreement demands a dossier");
  }
  const bool plain = std::all_of(dossier.begin(), dossier.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::string_view("._/-").find(c) != absl::string_view::npos;
  });
  if (!plain || dossier.size() > kMaxDossierName || !absl::StartsWith(dossier, "dossiers/")) {
    return MakeFieldError("DOSSIER_INVALID", auth::kDossierHeader, "must be dossiers/<id>");
  }
  caller.set_dossier(std::string(dossier));
  return absl::OkStatus();
}

// The officer or citizen that a token proves; false when it names none.
bool ReadToken(const lgsp::auth::v1::AccessToken& token, Caller& caller) {
  if (token.sub() == token.client_id()) return false;
  caller.set_acr(token.acr());
  absl::string_view id = token.sub();
  if (!absl::ConsumePrefix(&id, auth::kOfficerSubject)) {
    caller.set_person(token.sub());
    return true;
  }
  caller.mutable_officer()->set_id(std::string(id));
  caller.mutable_officer()->set_unit(token.unit());
  *caller.mutable_officer()->mutable_roles() = token.roles();
  return true;
}

absl::Status ReadOfficer(const RequestHead& head, const TokenCache::Token& token,
                         const lgsp::registry::v1::Agreement& agreement, Caller& caller) {
  const absl::string_view header = FieldOf(head.fields, auth::kOfficerHeader);
  if (token != nullptr && ReadToken(token->claims, caller)) {
    if (!header.empty()) {
      return MakeFieldError("OFFICER_INVALID", auth::kOfficerHeader,
                            "may not come beside a token that names the person");
    }
    if (!caller.has_officer() || auth::ActsFor(caller, caller.officer().unit())) {
      return absl::OkStatus();
    }
    return NotRepresented(caller);
  }
  if (header.empty()) return absl::OkStatus();
  if (!agreement.officer_assertion()) {
    return Denied("OFFICER_NOT_ALLOWED", "the agreement does not let the system name an officer",
                  {{"agreement", agreement.name()}});
  }
  ASSIGN_OR_RETURN(*caller.mutable_officer(), auth::ParseOfficer(header));
  if (!auth::ActsFor(caller, caller.officer().unit())) return NotRepresented(caller);
  caller.mutable_officer()->set_asserted(true);
  return absl::OkStatus();
}

bool IsTraceparent(absl::string_view text) {
  if (text.size() != 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
      !absl::StartsWith(text, "00")) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '-' || absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
  });
}

// As the caller has it, or a new one.
std::string TraceparentOf(const RequestHead& head) {
  const absl::string_view given = FieldOf(head.fields, "traceparent");
  if (IsTraceparent(given)) return std::string(given);
  return absl::StrCat("00-", absl::Hex(RandomWord(), absl::kZeroPad16),
                      absl::Hex(RandomWord(), absl::kZeroPad16), "-",
                      absl::Hex(RandomWord(), absl::kZeroPad16), "-01");
}

}  // namespace

absl::string_view FieldOf(const Headers& fields, absl::string_view name) {
  for (const Header field : fields) {
    if (field.name == name) return field.value;
  }
  return "";
}

absl::StatusOr<absl::Duration> TimeoutOf(const RequestHead& head) {
  const absl::string_view text = FieldOf(head.fields, "grpc-timeout");
  if (text.empty()) return kDefaultDeadline;
  ASSIGN_OR_RETURN(const absl::Duration timeout, ParseTimeout(text));
  return std::min(timeout, kMaxDeadline);
}

absl::StatusOr<Decision> Decide(const Policy& policy, const Identity& identity,
                                const RequestHead& head, absl::Time now) {
  RETURN_IF_ERROR(CheckReserved(head.fields));
  // One answer for what does not exist and what is not allowed: existence is not told.
  Decision decision;
  ASSIGN_OR_RETURN(decision.grant, FindGrant(identity.system, head.path, now));
  decision.route = policy.FindRoute(head.path);  // a grant has one
  ASSIGN_OR_RETURN(decision.timeout, TimeoutOf(head));
  decision.traceparent = TraceparentOf(head);
  return decision;
}

absl::StatusOr<Decision> DecideRest(const Policy& policy, const Identity& identity,
                                    const RequestHead& head, const RestTarget& target,
                                    absl::Time now) {
  RETURN_IF_ERROR(CheckReserved(head.fields));
  RETURN_IF_ERROR(CheckClient(head.fields, identity.system->system->xroad_client()));
  ASSIGN_OR_RETURN(const RestMatch match, FindRestGrant(identity.system, target, head.method, now));
  Decision decision;
  decision.grant = match.grant;
  decision.endpoint = match.endpoint;
  decision.route = policy.FindRoute(absl::StrCat("/", target.service));  // a grant has one
  decision.timeout = kDefaultDeadline;
  decision.traceparent = TraceparentOf(head);
  return decision;
}

absl::StatusOr<Caller> CallerOf(const Decision& decision, const Identity& identity,
                                const RequestHead& head) {
  const auto& agreement = *decision.grant->agreement;
  const auto& system = *identity.system->system;
  Caller caller;
  caller.set_aud(decision.route->service);
  caller.set_system(system.name());
  caller.set_participant(system.participant());
  *caller.mutable_agencies() = system.agencies();
  caller.set_agreement(agreement.name());
  RETURN_IF_ERROR(ReadPurpose(head, agreement, caller));
  RETURN_IF_ERROR(ReadDossier(head, agreement, caller));
  RETURN_IF_ERROR(ReadOfficer(head, identity.token, agreement, caller));
  return caller;
}

std::string CallerKey(const Policy& policy, const Decision& decision, const Identity& identity,
                      const RequestHead& head) {
  std::string key(2 * sizeof(uint64_t), '\0');
  const uint64_t serial = policy.serial();
  memcpy(key.data(), &serial, sizeof(serial));
  memcpy(key.data() + sizeof(serial), &decision.grant, sizeof(decision.grant));
  // Header values hold no NUL.
  for (const absl::string_view name :
       {auth::kPurposeHeader, auth::kDossierHeader, auth::kOfficerHeader}) {
    absl::StrAppend(&key, FieldOf(head.fields, name), absl::string_view("\0", 1));
  }
  if (identity.token != nullptr) key += identity.token->digest;
  return key;
}

Headers ForwardedHead(const RequestHead& head, const Decision& decision,
                      absl::Duration timeout_left, absl::string_view caller_jws,
                      absl::string_view exchange_id) {
  Headers out;
  out.Reserve(kUsualHeaderBytes);
  out.Append({{":method", "POST"},
              {":scheme", "https"},
              {":path", head.path},
              {":authority", decision.route->service}});
  for (const Header field : head.fields) {
    const bool dropped =
        absl::StartsWith(field.name, auth::kHeaderPrefix) ||
        std::find(std::begin(kDropped), std::end(kDropped), field.name) != std::end(kDropped);
    if (!dropped) out.push_back(field);
  }
  out.Add("te", "trailers");
  out.Add("grpc-timeout", FormatTimeout(timeout_left));
  out.Add("traceparent", decision.traceparent);
  out.Add("lgsp-exchange-id", exchange_id);
  out.Add(auth::kCallerHeader, caller_jws);
  return out;
}

}  // namespace lgsp::gateway
