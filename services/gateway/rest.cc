#include "services/gateway/rest.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/status.pb.h"
#include "libs/auth/auth.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"
#include "services/gateway/path_rule.h"

namespace lgsp::gateway {
namespace {

constexpr size_t kIdentifiers = 5;
constexpr absl::string_view kMethods[] = {"DELETE", "GET",  "HEAD", "OPTIONS",
                                          "PATCH",  "POST", "PUT",  "TRACE"};
constexpr absl::string_view kBodyless[] = {"DELETE", "GET", "HEAD", "OPTIONS", "TRACE"};
// Of one connection only (X-Road's SKIPPED_HEADERS, but for content-length, which stays true here).
constexpr absl::string_view kSkipped[] = {"transfer-encoding",
                                          "keep-alive",
                                          "proxy-authenticate",
                                          "proxy-authorization",
                                          "te",
                                          "trailer",
                                          "upgrade",
                                          "connection",
                                          "proxy-connection",
                                          "user-agent",
                                          "host",
                                          "server",
                                          "expect"};
// Of a request: credentials for us, and what we say ourselves.
constexpr absl::string_view kRequestOurs[] = {"authorization", "traceparent", "x-road-request-id",
                                              "x-road-request-hash"};
constexpr absl::string_view kAnswerOurs[] = {"x-road-id",           "x-road-client",
                                             "x-road-service",      "x-road-request-id",
                                             "x-road-request-hash", "x-road-error"};

template <size_t kSize>
bool IsIn(const absl::string_view (&names)[kSize], absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool IsSkipped(absl::string_view name) { return IsIn(kSkipped, name); }

absl::Status PathInvalid(absl::string_view what) {
  return MakeFieldError("PATH_INVALID", ":path", what);
}

std::string IdentifierOf(absl::string_view header) {
  const auto segments = SplitPath(absl::StrCat("/", header));
  return segments.ok() && segments->size() >= 3 && segments->size() <= 4
             ? absl::StrJoin(*segments, "/")
             : "";
}

int HttpStatusOf(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  if (reason == "METHOD_UNSUPPORTED") return 405;
  if (reason == "CONTENT_TYPE_UNSUPPORTED" || reason == "HTTP2_REQUIRED") return 415;
  if (reason == "HEADERS_TOO_LARGE") return 431;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

// The nearest of the protocol's own error types.
absl::string_view TypeOf(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  if (absl::StartsWith(reason, "CLIENT_")) return "server.clientproxy.invalid_client_identifier";
  if (absl::StartsWith(reason, "EVIDENCE_")) return "server.clientproxy.logging_failed";
  if (absl::StartsWith(reason, "UPSTREAM_")) return "server.serverproxy.network_error";
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return "client.bad_request";
    case absl::StatusCode::kUnauthenticated:
      return "server.clientproxy.ssl_authentication_failed";
    case absl::StatusCode::kPermissionDenied:
      return "server.serverproxy.access_denied";
    case absl::StatusCode::kDeadlineExceeded:
      return "server.serverproxy.network_error";
    default:
      return "server.clientproxy.service_failed";
  }
}

std::string JsonText(absl::string_view text) {
  // Ours: ASCII and printable, but for what a caller has sent and we repeat.
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out;
}

std::string XmlText(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
  }
  return out;
}

// The first type of `accept` that is XML; empty: JSON.
absl::string_view XmlType(absl::string_view accept) {
  for (absl::string_view type : absl::StrSplit(accept, ',')) {
    type = absl::StripAsciiWhitespace(type.substr(0, type.find(';')));
    if (type == "application/xml") return "application/xml;charset=utf-8";
    if (type == "text/xml" || type == "text/*") return "text/xml;charset=utf-8";
    if (type == "application/json" || type == "*/*") return "";
  }
  return "";
}

std::string MessageOf(const absl::Status& status) {
  return absl::StrCat(ErrorReason(status), ": ", status.message());
}

}  // namespace

absl::StatusOr<RestTarget> ParseRestTarget(absl::string_view raw) {
  const size_t query = raw.find('?');
  const absl::string_view path = raw.substr(0, query);
  ASSIGN_OR_RETURN(std::vector<std::string> segments, SplitPath(path));
  if (segments.size() < 1 + kIdentifiers || segments[0] != "r1") {
    return PathInvalid("must be /r1/instance/memberClass/memberCode/subsystem/serviceCode");
  }
  const bool sound = std::all_of(raw.begin() + static_cast<ptrdiff_t>(path.size()), raw.end(),
                                 [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (!sound) return PathInvalid("has a query with what no URI has");
  RestTarget target;
  const auto tail = segments.begin() + 1 + kIdentifiers;
  target.service = absl::StrJoin(segments.begin(), tail, "/");
  target.segments.assign(std::make_move_iterator(tail), std::make_move_iterator(segments.end()));
  size_t begin = 0;
  for (size_t i = 0; i <= kIdentifiers && begin != path.npos; ++i)
    begin = path.find('/', begin + 1);
  target.rest = std::string(raw.substr(std::min(begin, path.size())));
  if (!absl::StartsWith(target.rest, "/")) target.rest.insert(0, "/");
  return target;
}

absl::StatusOr<Endpoint> ParseEndpointPattern(absl::string_view text) {
  const auto invalid = [&](absl::string_view what) {
    return MakeError(absl::StatusCode::kInvalidArgument, "ENDPOINT_INVALID",
                     absl::StrCat("endpoint '", text, "' ", what));
  };
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  if (words.size() != 2 || !absl::StartsWith(words[1], "/")) {
    return invalid("is not a method, a blank and a path");
  }
  if (words[0] != "*" && !IsRestMethod(words[0])) return invalid("has an unknown method");
  Endpoint endpoint{std::string(text), std::string(words[0]), {}};
  if (words[1] == "/") return endpoint;
  auto segments = SplitPath(words[1]);
  if (!segments.ok()) return invalid(segments.status().message());
  const auto deep = std::find(segments->begin(), segments->end(), "**");
  if (deep != segments->end() && deep + 1 != segments->end())
    return invalid("has ** not at its end");
  endpoint.segments = *std::move(segments);
  return endpoint;
}

bool Matches(const Endpoint& endpoint, absl::string_view method,
             const std::vector<std::string>& segments) {
  if (endpoint.method != "*" && endpoint.method != method) return false;
  const auto& pattern = endpoint.segments;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "**") return true;
    if (i >= segments.size() || (pattern[i] != "*" && pattern[i] != segments[i])) return false;
  }
  return pattern.size() == segments.size();
}

bool IsRestMethod(absl::string_view method) { return IsIn(kMethods, method); }
bool IsBodyless(absl::string_view method) { return IsIn(kBodyless, method); }

bool IsForwarded(absl::string_view name) {
  return !IsSkipped(name) && !IsIn(kRequestOurs, name) &&
         !absl::StartsWith(name, auth::kHeaderPrefix);
}

bool IsReturned(absl::string_view name) { return !IsSkipped(name) && !IsIn(kAnswerOurs, name); }

absl::string_view LastFieldOf(const Headers& fields, absl::string_view name) {
  absl::string_view value;
  for (const Header field : fields) {
    if (field.name == name) value = field.value;
  }
  return value;
}

absl::Status CheckClient(const Headers& fields, absl::string_view client) {
  const std::string named = IdentifierOf(LastFieldOf(fields, "x-road-client"));
  if (named.empty()) {
    return MakeFieldError("CLIENT_INVALID", "x-road-client",
                          "must be instance/memberClass/memberCode, perhaps with /subsystem");
  }
  if (!client.empty() && named == client) return absl::OkStatus();
  return MakeError(absl::StatusCode::kPermissionDenied, "CLIENT_NOT_ALLOWED",
                   "the calling system is registered as another client, or as none");
}

std::string HashedHead(absl::string_view method, absl::string_view path, const Headers& fields,
                       const Headers& added) {
  std::string head = absl::StrCat(method, "\r\n", path, "\r\n");
  for (const Header field : fields) {
    const bool out = IsSkipped(field.name) || field.name == "content-length" ||
                     field.name == "x-road-request-id" || field.name == "x-road-request-hash";
    if (!out) absl::StrAppend(&head, field.name, ":", field.value, "\r\n");
  }
  for (const Header field : added) absl::StrAppend(&head, field.name, ":", field.value, "\r\n");
  return head;
}

std::string RequestHash(absl::string_view head_sha512, absl::string_view body_sha512) {
  if (body_sha512.empty()) return absl::Base64Escape(head_sha512);
  keys::Sha512Stream both;
  both.Update(head_sha512);
  both.Update(body_sha512);
  return absl::Base64Escape(both.Finish());
}

HttpAnswer RestError(const absl::Status& status, absl::string_view exchange_id,
                     absl::string_view accept) {
  const absl::string_view type = TypeOf(status);
  const absl::string_view xml = XmlType(accept);
  const std::string message = MessageOf(status);
  HttpAnswer answer;
  answer.body = xml.empty()
                    ? absl::StrCat("{\"type\":\"", type, "\",\"message\":\"", JsonText(message),
                                   "\",\"detail\":\"", exchange_id, "\"}")
                    : absl::StrCat("<error><type>", type, "</type><message>", XmlText(message),
                                   "</message><detail>", exchange_id, "</detail></error>");
  answer.head.Add(":status", absl::StrCat(HttpStatusOf(status)));
  answer.head.Add("content-type", xml.empty() ? "application/json" : xml);
  answer.head.Add("content-length", absl::StrCat(answer.body.size()));
  answer.head.Add("x-road-error", type);
  if (const absl::Duration wait = RetryDelayOf(status); wait > absl::ZeroDuration()) {
    answer.head.Add("retry-after",
                    absl::StrCat(absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1)))));
  }
  return answer;
}

HttpAnswer HttpError(const absl::Status& status) {
  google::rpc::Status plain;  // without details: their Any form needs the types' names only
  plain.set_code(static_cast<int>(status.code()));
  plain.set_message(MessageOf(status));
  HttpAnswer answer;
  if (!google::protobuf::util::MessageToJsonString(plain, &answer.body).ok()) answer.body = "{}";
  answer.head.Add(":status", absl::StrCat(HttpStatusOf(status)));
  answer.head.Add("content-type", "application/json");
  answer.head.Add("content-length", absl::StrCat(answer.body.size()));
  return answer;
}

int GrpcCodeOf(int http_status) {
  using absl::StatusCode;
  if (http_status < 400) return static_cast<int>(StatusCode::kOk);
  switch (http_status) {
    case 401:
      return static_cast<int>(StatusCode::kUnauthenticated);
    case 403:
      return static_cast<int>(StatusCode::kPermissionDenied);
    case 404:
    case 410:
      return static_cast<int>(StatusCode::kNotFound);
    case 409:
      return static_cast<int>(StatusCode::kAborted);
    case 412:
      return static_cast<int>(StatusCode::kFailedPrecondition);
    case 429:
      return static_cast<int>(StatusCode::kResourceExhausted);
    case 501:
      return static_cast<int>(StatusCode::kUnimplemented);
    case 502:
    case 503:
      return static_cast<int>(StatusCode::kUnavailable);
    case 504:
      return static_cast<int>(StatusCode::kDeadlineExceeded);
    default:
      return static_cast<int>(http_status < 500 ? StatusCode::kInvalidArgument
                                                : StatusCode::kInternal);
  }
}

}  // namespace lgsp::gateway
