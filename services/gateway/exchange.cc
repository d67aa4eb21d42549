#include "services/gateway/exchange.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "libs/status/status.h"
#include "services/gateway/downstream.h"
#include "services/gateway/path_rule.h"
#include "services/gateway/upstream.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

constexpr char kGrpcType[] = "application/grpc";
// What HTTP/2 counts for a field beside its bytes (RFC 9113, 6.5.2).
constexpr size_t kFieldOverhead = 32;

absl::Status UpstreamLost(uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_CANCEL:
      return MakeError(absl::StatusCode::kCancelled, "UPSTREAM_CANCELLED",
                       "the service cancelled the call");
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return MakeError(absl::StatusCode::kResourceExhausted, "UPSTREAM_OVERLOADED",
                       "the service is overloaded");
    default:
      return MakeError(absl::StatusCode::kUnavailable, "UPSTREAM_LOST",
                       "the connection to the service broke; the call may have had its effect");
  }
}

int GrpcCode(const Headers& fields) {
  int code = static_cast<int>(absl::StatusCode::kUnknown);
  return absl::SimpleAtoi(FieldOf(fields, "grpc-status"), &code) && code >= 0 && code <= 16 ? code
                                                                                            : 2;
}

}  // namespace

Exchange::Exchange(Worker* worker, Downstream* downstream, int32_t stream_id)
    : worker_(worker),
      downstream_(downstream),
      stream_id_(stream_id),
      begun_(worker->now()),
      exchange_id_(NewUuid(worker->clock())),
      metrics_(&worker->metrics().other),
      scanner_(kMaxMessageBytes) {
  worker_->AddExchange();
}

Exchange::~Exchange() {
  if (waiting_for_upstream_) worker_->pool().StopWaiting(this);
  if (upstream_ != nullptr) upstream_->Abandon(upstream_id_);
  if (has_deadline_) worker_->deadlines().erase(deadline_);
  CountBuffered(-static_cast<int64_t>(request_.size() + response_.size()));
  Finish(static_cast<int>(absl::StatusCode::kCancelled));
  worker_->RemoveExchange();
}

void Exchange::CountBuffered(int64_t change) { worker_->CountBuffered(change); }

void Exchange::Finish(int grpc_code) {
  if (finished_ || !had_headers()) return;
  finished_ = true;
  metrics_->handled[static_cast<size_t>(grpc_code)].Add();
  metrics_->seconds.Observe(std::chrono::duration<double>(worker_->now() - begun_).count());
}

absl::Duration Exchange::TimeLeft() const {
  return decision_.timeout - absl::FromChrono(worker_->now() - begun_);
}

bool Exchange::AddHeader(absl::string_view name, absl::string_view value) {
  header_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (header_bytes_ > kMaxHeaderBytes || head_.fields.size() >= kMaxHeaderFields) {
    // The rest is dropped; the call is refused when its head is complete.
    headers_too_large_ = true;
    return true;
  }
  if (name == ":method") {
    head_.method = std::string(value);
  } else if (name == ":path") {
    head_.path = std::string(value);
  } else if (!absl::StartsWith(name, ":")) {
    head_.fields.push_back({std::string(name), std::string(value)});
  }
  return true;
}

void Exchange::OnRequestHead(bool end_stream) {
  if (had_headers() && relaying_) return OnRequestEnd();  // trailers of a request: gRPC has none
  if (head_.path.empty()) head_.path = "/";
  request_.ended = end_stream;
  metrics_->started.Add();
  if (headers_too_large_) {
    return Fail(MakeError(absl::StatusCode::kResourceExhausted, "HEADERS_TOO_LARGE",
                          "the header fields are larger than the gateway takes"));
  }
  if (head_.method != "POST" ||
      !absl::StartsWith(FieldOf(head_.fields, "content-type"), kGrpcType)) {
    return downstream_->AnswerHttp(stream_id_, head_);
  }
  Begin();
}

void Exchange::Begin() {
  policy_ = worker_->policy();
  if (const auto path = ParseGrpcPath(head_.path); !path.ok()) return Fail(path.status());
  const SystemEntry* system = downstream_->System(*policy_);
  if (IsLocal(head_.path) && system != nullptr) {
    local_ = MakeLocalCall(head_.path, policy_, system, !worker_->draining());
    const auto timeout = TimeoutOf(head_);
    if (!timeout.ok()) return Fail(timeout.status());
    if (local_ == nullptr) {
      return Fail(MakeError(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN", "no such method"));
    }
    decision_.timeout = *timeout;
    relaying_ = true;
    deadline_ = worker_->AddDeadline(decision_.timeout, this);
    has_deadline_ = true;
    return AnswerLocally();
  }
  auto decision = Decide(*policy_, system, head_, worker_->clock().SecurityNow());
  if (!decision.ok()) return Fail(decision.status());
  decision_ = *std::move(decision);
  metrics_ = const_cast<RouteMetrics*>(&decision_.route->metrics);
  metrics_->started.Add();
  if (TimeLeft() <= absl::ZeroDuration()) return OnDeadline();
  if (absl::Status admitted = worker_->Admit(); !admitted.ok()) return Fail(admitted);
  deadline_ = worker_->AddDeadline(decision_.timeout, this);
  has_deadline_ = true;
  relaying_ = true;
  waiting_for_upstream_ = true;
  worker_->pool().Open(this);
}

void Exchange::AnswerLocally() {
  for (;;) {
    auto message = TakeMessage(request_.Whole(), kMaxLocalMessageBytes);
    if (!message.ok()) return Fail(message.status());
    if (!message->has_value()) break;
    auto answer = local_->Answer(**message);
    if (!answer.ok()) return Fail(answer.status());
    response_.Append(FrameMessage(*answer));
    if (!answered_) {
      answer_head_ = {{":status", "200"}, {"content-type", kGrpcType}};
      SubmitResponse(false);
    }
    if (local_->is_unary()) request_.ended = true;
  }
  if (!request_.ended) return downstream_->Resume(stream_id_);
  if (!answered_) {
    return Fail(MakeError(absl::StatusCode::kInvalidArgument, "MESSAGE_MISSING",
                          "the call has no message"));
  }
  trailers_ = StatusFields(absl::OkStatus());
  OnResponseEnd();
}

void Exchange::OnRequestData(absl::string_view data) {
  if (!relaying_ || finished_) return downstream_->Consume(stream_id_, data.size());
  request_.Append(data);
  CountBuffered(static_cast<int64_t>(data.size()));
  if (local_ != nullptr) {
    downstream_->Consume(stream_id_, data.size());
    const size_t before = request_.size();
    AnswerLocally();
    CountBuffered(static_cast<int64_t>(request_.size()) - static_cast<int64_t>(before));
    return;
  }
  if (absl::Status status = scanner_.Scan(data); !status.ok()) return Fail(status);
  if (upstream_ != nullptr) upstream_->Resume(upstream_id_);
}

void Exchange::OnRequestEnd() {
  request_.ended = true;
  if (!relaying_ || finished_) return;
  if (local_ != nullptr) return AnswerLocally();
  if (upstream_ != nullptr) upstream_->Resume(upstream_id_);
}

absl::StatusOr<Headers> Exchange::UpstreamHead() {
  ASSIGN_OR_RETURN(const std::string token, worker_->callers().Token(decision_.caller));
  Headers head = {{":method", "POST"},
                  {":scheme", "https"},
                  {":path", head_.path},
                  {":authority", decision_.route->service}};
  Headers fields = ForwardedFields(head_, decision_, TimeLeft(), token, exchange_id_);
  head.insert(head.end(), std::make_move_iterator(fields.begin()),
              std::make_move_iterator(fields.end()));
  return head;
}

void Exchange::OnUpstreamStarted(Upstream* upstream, int32_t stream_id) {
  waiting_for_upstream_ = false;
  upstream_ = upstream;
  upstream_id_ = stream_id;
}

ssize_t Exchange::ReadRequest(uint8_t* buffer, size_t size, uint32_t* flags) {
  const size_t taken = request_.Take(buffer, size);
  if (taken > 0) {
    request_taken_ = true;
    CountBuffered(-static_cast<int64_t>(taken));
    downstream_->Consume(stream_id_, taken);
  }
  if (request_.ended && request_.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(taken);
  }
  return taken > 0 ? static_cast<ssize_t>(taken) : static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED);
}

bool Exchange::AddResponseHeader(absl::string_view name, absl::string_view value) {
  incoming_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (incoming_bytes_ > kMaxHeaderBytes) return false;
  incoming_.push_back({std::string(name), std::string(value)});
  return true;
}

void Exchange::OnResponseHead(bool end_stream) {
  Headers fields;
  fields.swap(incoming_);
  incoming_bytes_ = 0;
  if (finished_) return;
  const absl::string_view status = FieldOf(fields, ":status");
  if (absl::StartsWith(status, "1")) return;  // informational: the answer is still to come
  if (!status.empty() && !answered_) {
    answer_head_ = std::move(fields);
    if (!end_stream) return SubmitResponse(false);
    const int code = GrpcCode(answer_head_);
    SubmitResponse(true);
    return Finish(code);
  }
  trailers_ = std::move(fields);
  if (end_stream) OnResponseEnd();
}

void Exchange::SubmitResponse(bool end_stream) {
  answered_ = true;
  answer_head_.push_back({"lgsp-exchange-id", exchange_id_});
  downstream_->SubmitResponse(stream_id_, answer_head_, end_stream);
}

void Exchange::OnResponseData(absl::string_view data) {
  if (finished_) return;
  response_.Append(data);
  CountBuffered(static_cast<int64_t>(data.size()));
  downstream_->Resume(stream_id_);
}

void Exchange::OnResponseEnd() {
  if (finished_) return;
  response_.ended = true;
  Finish(GrpcCode(trailers_));
  downstream_->Resume(stream_id_);
}

ssize_t Exchange::ReadResponse(uint8_t* buffer, size_t size, uint32_t* flags) {
  const size_t taken = response_.Take(buffer, size);
  if (taken > 0) {
    CountBuffered(-static_cast<int64_t>(taken));
    if (upstream_ != nullptr) upstream_->Consume(upstream_id_, taken);
  }
  if (response_.ended && response_.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!trailers_.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      downstream_->SubmitTrailers(stream_id_, trailers_);
    }
    return static_cast<ssize_t>(taken);
  }
  return taken > 0 ? static_cast<ssize_t>(taken) : static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED);
}

void Exchange::OnResponseSent() {
  // The service's answer is complete: what the system still sends is of no use to anybody.
  if (!request_.ended) downstream_->Reset(stream_id_, NGHTTP2_NO_ERROR);
}

void Exchange::OnUpstreamClosed(uint32_t error_code, bool not_sent) {
  upstream_ = nullptr;
  if (finished_) return;
  if (not_sent && !retried_ && !request_taken_ && !answered_ && TimeLeft() > absl::ZeroDuration()) {
    retried_ = true;
    waiting_for_upstream_ = true;
    return worker_->pool().Open(this);
  }
  Fail(UpstreamLost(error_code));
}

void Exchange::Fail(const absl::Status& status) {
  if (finished_) return;
  worker_->CountRefused(status);
  if (waiting_for_upstream_) worker_->pool().StopWaiting(this);
  waiting_for_upstream_ = false;
  if (upstream_ != nullptr) {
    upstream_->Abandon(upstream_id_);
    upstream_ = nullptr;
  }
  // What was taken in and will not be sent counts as consumed: the connection goes on.
  downstream_->Consume(stream_id_, request_.size());
  CountBuffered(-static_cast<int64_t>(request_.size()));
  request_.Clear();
  const bool stalled = !response_.empty();
  Finish(static_cast<int>(status.code()));
  if (!answered_) {
    answer_head_ = {{":status", "200"}, {"content-type", kGrpcType}};
    for (Header& field : StatusFields(status)) answer_head_.push_back(std::move(field));
    return SubmitResponse(true);
  }
  if (stalled && absl::IsDeadlineExceeded(status)) {
    // Its window is closed: trailers would wait behind the bytes that nobody takes.
    return downstream_->Reset(stream_id_, NGHTTP2_CANCEL);
  }
  trailers_ = StatusFields(status);
  response_.ended = true;
  downstream_->Resume(stream_id_);
}

void Exchange::OnDeadline() {
  has_deadline_ = false;
  if (finished_ && !response_.empty()) return downstream_->Reset(stream_id_, NGHTTP2_CANCEL);
  Fail(MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                 "the deadline of the call has passed"));
}

}  // namespace lgsp::gateway
