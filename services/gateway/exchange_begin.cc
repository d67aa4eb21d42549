// How a call begins: its head, who makes it, whether it may, and what it costs of a quota.
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"
#include "services/gateway/downstream.h"
#include "services/gateway/exchange.h"
#include "services/gateway/path_rule.h"
#include "services/gateway/relay_errors.h"
#include "services/gateway/upstream.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

// `application/grpc`, with a message format or parameters; not application/grpc-web.
bool IsGrpc(absl::string_view content_type) {
  return absl::ConsumePrefix(&content_type, kGrpcType) &&
         (content_type.empty() || content_type.front() == '+' || content_type.front() == ';');
}

}  // namespace

void Exchange::AddHeader(absl::string_view name, absl::string_view value) {
  if (head_done_) return;
  const size_t size = name.size() + value.size() + kHeaderFieldOverhead;
  if (header_bytes_ + size > kMaxHeaderBytes || head_.fields.size() >= kMaxHeaderFields) {
    // The rest is dropped; the call is refused when its head is complete.
    headers_too_large_ = true;
    return;
  }
  header_bytes_ += size;
  CountBuffered(static_cast<int64_t>(size));
  if (name == ":method") {
    head_.method = std::string(value);
  } else if (name == ":path") {
    head_.path = std::string(value);
  } else if (!absl::StartsWith(name, ":")) {
    if (head_.fields.empty()) head_.fields.Reserve(kUsualHeaderBytes);
    head_.fields.Add(name, value);
  }
}

void Exchange::OnRequestHead(bool end_stream) {
  if (head_done_) return end_stream ? OnRequestEnd() : void();
  head_done_ = true;
  request_.ended = end_stream;
  recorded_ = worker_->evidence().enabled() && !IsLocal(head_.path);
  const bool grpc = head_.method == "POST" && IsGrpc(FieldOf(head_.fields, "content-type"));
  if (absl::StartsWith(head_.path, kRestPrefix)) {
    protocol_ = Protocol::kRest;
    accept_ = std::string(FieldOf(head_.fields, "accept").substr(0, kMaxAccept));
  } else if (!grpc || !downstream_->carries_trailers()) {
    protocol_ = Protocol::kHttp;
  }
  if (headers_too_large_) {
    return Fail(MakeError(absl::StatusCode::kResourceExhausted, "HEADERS_TOO_LARGE",
                          "the header fields are larger than the gateway takes"));
  }
  if (protocol_ == Protocol::kHttp) return RefuseHttp(grpc);
  if (protocol_ == Protocol::kRest) return BeginRest();
  Begin();
}

void Exchange::RefuseHttp(bool grpc) {
  // The body of the answer waits for the system's window, like any other.
  SetDeadline(kDefaultDeadline);
  const auto refused = [](absl::string_view reason, absl::string_view message) {
    return MakeError(absl::StatusCode::kInvalidArgument, reason, message);
  };
  if (grpc) return Fail(refused("HTTP2_REQUIRED", "gRPC needs HTTP/2"));
  const absl::Status path = SplitPath(head_.path).status();
  if (!path.ok()) return Fail(path);
  if (head_.method != "POST") {
    return Fail(refused("METHOD_UNSUPPORTED", "this path takes gRPC: POST"));
  }
  Fail(refused("CONTENT_TYPE_UNSUPPORTED", "this path takes gRPC: content-type application/grpc"));
}

void Exchange::Begin() {
  policy_ = worker_->policy();
  // A path that is registered, byte for byte, needs no judging.
  if (rest_ == nullptr && policy_->FindRoute(head_.path) == nullptr) {
    if (const auto path = ParseGrpcPath(head_.path); !path.ok()) return Fail(path.status());
  }
  const absl::Time now = worker_->clock().SecurityNow();
  const auto identity =
      Identify(*policy_, downstream_->peer(), head_.fields, worker_->tokens(), now);
  if (!identity.ok()) return Fail(identity.status());
  token_ = identity->token;
  system_ = identity->system;
  if (IsLocal(head_.path)) return BeginLocally(identity->system);
  auto decision = DecideBy(*policy_, *identity, now);
  if (!decision.ok()) return Fail(decision.status());
  auto caller = worker_->callers().Find(CallerKey(*policy_, *decision, *identity, head_),
                                        [&] { return CallerOf(*decision, *identity, head_); });
  if (!caller.ok()) return Fail(caller.status());
  caller_ = *std::move(caller);
  BeginRelay(*std::move(decision));
}

absl::StatusOr<Decision> Exchange::DecideBy(const Policy& policy, const Identity& identity,
                                            absl::Time now) const {
  return rest_ != nullptr ? DecideRest(policy, identity, head_, rest_->target, now)
                          : Decide(policy, identity, head_, now);
}

void Exchange::BeginRelay(Decision decision) {
  decision_ = std::move(decision);
  if (rest_ != nullptr) PrepareRest();
  Started(const_cast<RouteMetrics*>(&decision_.route->metrics));
  if (TimeLeft() <= absl::ZeroDuration()) return Fail(DeadlinePassed());
  if (absl::Status admitted = worker_->Admit(); !admitted.ok()) return Fail(admitted);
  if (recorded_ && !worker_->evidence().has_room()) return Fail(EvidenceUnavailable());
  SetDeadline(decision_.timeout);
  relaying_ = true;
  TakeQuota();
}

void Exchange::TakeQuota() {
  Quota* const quota = decision_.grant->quota.get();
  if (quota == nullptr) return Go();
  const Quota::Take take = quota->TakeOne(worker_->now().time_since_epoch().count());
  switch (take.answer) {
    case Quota::Answer::kTaken:
      return Go();
    case Quota::Answer::kRefused:
      return Fail(QuotaExceeded(*decision_.grant->agreement, take.retry_after));
    case Quota::Answer::kAsked:
      waiting_for_quota_ = true;
      worker_->WaitForQuota(this);
  }
}

void Exchange::OnQuota() {
  waiting_for_quota_ = false;
  if (!finished_) TakeQuota();
}

void Exchange::Go() {
  if (recorded_) return AddIntent();
  waiting_for_upstream_ = true;
  worker_->pool().Open(this);
}

}  // namespace lgsp::gateway
