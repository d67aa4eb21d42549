#include "services/national/portal_client.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/national/errors.h"

namespace lgsp::national {
namespace {

using nlohmann::ordered_json;

std::string Url(const PortalConfig& config, absl::string_view endpoint) {
  return absl::StrCat(absl::StripSuffix(config.adapter_url(), "/"), "/mapi/", endpoint,
                      "?dstcode=", config.dstcode());
}

absl::Status CheckConfig(const PortalConfig& config) {
  if (!absl::StartsWith(config.adapter_url(), "https://") &&
      !absl::StartsWith(config.adapter_url(), "http://")) {
    return ConfigInvalid("portal.adapter_url", "must begin with https:// or http://");
  }
  const auto in_member_path = [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == ':' || c == '.' || c == '-' || c == '_';
  };
  const std::string& dstcode = config.dstcode();
  if (dstcode.empty() || !std::all_of(dstcode.begin(), dstcode.end(), in_member_path)) {
    return ConfigInvalid("portal.dstcode", "must be a member path");
  }
  if (config.agency().empty()) return ConfigInvalid("portal.agency", "is missing");
  return absl::OkStatus();
}

// The body of a login.
absl::StatusOr<ordered_json> ReadCredentials(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, config::ReadSecret(file));
  const ordered_json parsed = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  ordered_json credentials = ordered_json::object();
  for (const char* name : {"username", "password"}) {
    const bool given = parsed.is_object() && parsed.contains(name) && parsed[name].is_string() &&
                       !parsed[name].get_ref<const std::string&>().empty();
    if (!given) return ConfigInvalid("portal.credentials_file", "must hold username and password");
    credentials[name] = parsed[name];
  }
  return absl::StatusOr<ordered_json>(absl::in_place, std::move(credentials));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PortalClient>> PortalClient::Make(const PortalConfig& config,
                                                                 absl::string_view base,
                                                                 metrics::Registry* metrics,
                                                                 const Clock* clock,
                                                                 absl::Duration call_timeout) {
  RETURN_IF_ERROR(CheckConfig(config));
  RETURN_IF_ERROR(ReadCredentials(config::Resolve(base, config.credentials_file())).status());
  http::Options options;
  options.peer = "portal";
  if (!config.authority_file().empty()) {
    options.authority_file = config::Resolve(base, config.authority_file());
  }
  options.timeout = call_timeout;
  options.metrics = metrics;
  options.clock = clock;
  ASSIGN_OR_RETURN(auto http, http::Client::Make(options));
  return std::unique_ptr<PortalClient>(new PortalClient(config, base, std::move(http), clock));
}

PortalClient::PortalClient(const PortalConfig& config, absl::string_view base,
                           std::unique_ptr<http::Client> http, const Clock* clock)
    : login_url_(Url(config, "login")),
      data_url_(Url(config, "g")),
      agency_(config.agency()),
      credentials_file_(config::Resolve(base, config.credentials_file())),
      http_(std::move(http)),
      session_([this](absl::Time deadline) { return Login(deadline); }, clock) {}

absl::StatusOr<PortalAnswer> PortalClient::Post(const std::string& url, const ordered_json& body,
                                                Effect effect, absl::Time deadline) {
  http::Request request;
  request.url = url;
  request.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  request.body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  request.timeout = deadline - absl::Now();
  if (request.timeout < kMinPortalCallTime) return PortalUnavailable("no time is left");
  return ReadAnswer(http_->Call(request), effect);
}

absl::StatusOr<std::string> PortalClient::Login(absl::Time deadline) {
  // Read each time: an operator corrects them without a restart.
  const auto credentials = ReadCredentials(credentials_file_);
  if (!credentials.ok()) return LoginRefused("the credentials cannot be read");
  ASSIGN_OR_RETURN(const PortalAnswer answer,
                   Post(login_url_, *credentials, Effect::kNone, deadline));
  if (answer.code != kDone) {
    log::Error("portal login refused", {{"error_code", answer.code}});
    return LoginRefused(absl::StrCat("error_code ", answer.code));
  }
  const auto session = answer.body.find("session");
  if (session == answer.body.end() || !session->is_string()) {
    return PortalUnavailable("the login gives no session");
  }
  const std::string& id = session->get_ref<const std::string&>();
  if (id.empty() || id.size() > kMaxSessionBytes)
    return PortalUnavailable("the session is no session");
  return id;
}

absl::StatusOr<PortalAnswer> PortalClient::Ask(Attempt& attempt, const char* service,
                                               const ordered_json& members, Effect effect) {
  int64_t expired = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const PortalSession::Session session, session_.Get(expired, attempt.deadline));
    ordered_json body = ordered_json::object();
    body["session"] = session.id;
    body["madonvi"] = agency_;
    body["service"] = service;
    body.update(members);
    auto answer = Post(data_url_, body, effect, attempt.deadline);
    if (!answer.ok()) {
      log::Warning("portal gives no answer",
                   {{"portal_call", service}, {"status", answer.status()}});
    }
    // What is told of the session is told before the call is looked at: it may be repeated.
    if (!answer.ok() || answer->code != kSessionExpired) return answer;
    if (attempt.session_renewals-- == 0) return PortalUnavailable("each session expires at once");
    expired = session.number;
  }
}

absl::StatusOr<std::optional<PortalDossier>> PortalClient::LookUp(Attempt& attempt,
                                                                  absl::string_view number) {
  ordered_json members = ordered_json::object();
  members["mahoso"] = std::string(number);
  ASSIGN_OR_RETURN(const PortalAnswer answer, Ask(attempt, "TraCuuHoSo", members, Effect::kNone));
  if (answer.code == kUnknownDossier) return std::nullopt;
  if (answer.code != kDone) return RefusalOf(answer);
  ASSIGN_OR_RETURN(PortalDossier dossier, FoundDossier(answer, number));
  return dossier;
}

absl::StatusOr<PortalClient::Written> PortalClient::Write(Attempt& attempt, const char* service,
                                                          const ordered_json& members) {
  ASSIGN_OR_RETURN(const PortalAnswer answer, Ask(attempt, service, members, Effect::kPossible));
  if (answer.code == kDone) return Written::kDone;
  if (answer.code == kDuplicate || answer.code == kUnknownDossier) return Written::kOvertaken;
  absl::Status refusal = RefusalOf(answer);
  log::Warning("portal refuses",
               {{"portal_call", service}, {"error_code", answer.code}, {"status", refusal}});
  return refusal;
}

absl::StatusOr<PortalClient::Written> PortalClient::Insert(Attempt& attempt,
                                                           const ordered_json& item) {
  ordered_json members = ordered_json::object();
  members["isUpdating"] = "False";
  members["data"] = ordered_json::array({item});
  return Write(attempt, "DongBoHoSoMC", members);
}

absl::StatusOr<PortalClient::Written> PortalClient::Update(Attempt& attempt,
                                                           const ordered_json& item) {
  ordered_json members = ordered_json::object();
  members["isUpdating"] = "True";
  members["data"] = ordered_json::array({item});
  return Write(attempt, "DongBoHoSoMC", members);
}

absl::StatusOr<PortalClient::Written> PortalClient::AddProgress(
    Attempt& attempt, const std::vector<ordered_json>& rows) {
  ordered_json members = ordered_json::object();
  members["data"] = rows;
  return Write(attempt, "CapNhatTienDoHoSoMC", members);
}

}  // namespace lgsp::national
