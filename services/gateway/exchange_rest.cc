// What an exchange does otherwise when it is a REST call (rest.h).
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "services/gateway/downstream.h"
#include "services/gateway/exchange.h"
#include "services/gateway/relay_errors.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {

void Exchange::BeginRest() {
  // An error's body waits for the system's window, like any other.
  rest_ = std::make_unique<RestCall>();
  if (!IsRestMethod(head_.method)) {
    return Fail(MakeError(absl::StatusCode::kInvalidArgument, "METHOD_UNSUPPORTED",
                          "the protocol has no such method"));
  }
  auto target = ParseRestTarget(head_.path);
  if (!target.ok()) return Fail(target.status());
  rest_->target = *std::move(target);
  const absl::string_view length = FieldOf(head_.fields, "content-length");
  if (IsBodyless(head_.method) && !length.empty() && length != "0") return Fail(BodyNotAllowed());
  Begin();
}

void Exchange::PrepareRest() {
  Headers added;
  rest_->client = std::string(LastFieldOf(head_.fields, "x-road-client"));
  rest_->request_id = NewUuid(worker_->clock());
  added.Add("x-road-request-id", rest_->request_id);
  rest_->id = std::string(LastFieldOf(head_.fields, "x-road-id"));
  if (rest_->id.empty()) {
    // `r1/<instance>/...`
    const std::vector<absl::string_view> parts = absl::StrSplit(rest_->target.service, '/');
    rest_->id = absl::StrCat(parts[1], "-", NewUuid(worker_->clock()));
    added.Add("x-road-id", rest_->id);
  }
  keys::Sha512Stream head;
  head.Update(HashedHead(head_.method, head_.path, head_.fields, added));
  rest_->head_sha512 = head.Finish();
}

Headers Exchange::RestUpstreamHead(absl::string_view address) const {
  Headers out;
  out.Reserve(kUsualHeaderBytes);
  out.Append({{":method", head_.method}, {":scheme", "https"}});
  out.Add(":path", absl::StrCat(decision_.route->upstreams->base_path(), rest_->target.rest));
  out.Add(":authority", address);
  bool has_id = false;
  for (const Header field : head_.fields) {
    if (!IsForwarded(field.name)) continue;
    has_id = has_id || field.name == "x-road-id";
    out.push_back(field);
  }
  if (!has_id) out.Add("x-road-id", rest_->id);
  out.Add("x-road-request-id", rest_->request_id);
  out.Add("traceparent", decision_.traceparent);
  out.Add("lgsp-exchange-id", exchange_id_);
  out.Add(auth::kCallerHeader, caller_->token);
  return out;
}

Headers Exchange::RestAnswerHead(const Headers& fields, bool end_stream) {
  Headers out;
  for (const Header field : fields) {
    if (IsReturned(field.name)) out.push_back(field);
  }
  if (!absl::SimpleAtoi(FieldOf(fields, ":status"), &http_status_)) http_status_ = 502;
  uint64_t length = 0;
  if (!end_stream && head_.method != "HEAD" &&
      absl::SimpleAtoi(FieldOf(fields, "content-length"), &length)) {
    rest_->left = length;
  }
  out.Add("x-road-id", rest_->id);
  out.Add("x-road-client", rest_->client);
  out.Add("x-road-service", absl::string_view(rest_->target.service).substr(kRestPrefixSize));
  out.Add("x-road-request-id", rest_->request_id);
  // A service that answers before it has the whole request is told of no hash.
  if (request_.ended) {
    const std::string body = rest_->body_bytes > 0 ? rest_->body.Finish() : "";
    out.Add("x-road-request-hash", RequestHash(rest_->head_sha512, body));
  }
  return out;
}

size_t Exchange::Sendable() const {
  const size_t there = response_.size();
  const bool whole = rest_ != nullptr && rest_->left.has_value() && there >= *rest_->left;
  return whole && !response_.ended && there > 0 ? there - 1 : there;
}

std::string Exchange::EvidencePath() const {
  if (rest_ == nullptr)
    return absl::StrCat(head_.method, " ", head_.path.substr(0, head_.path.find('?')));
  if (rest_->target.service.empty()) return absl::StrCat(head_.method, " ", kRestPrefix);
  absl::string_view path;
  if (decision_.endpoint != nullptr) {
    path = decision_.endpoint->text;
    path.remove_prefix(path.find(' ') + 1);
  }
  return absl::StrCat(head_.method, " /", rest_->target.service, path);
}

}  // namespace lgsp::gateway
