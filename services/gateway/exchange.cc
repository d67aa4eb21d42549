#include "services/gateway/exchange.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "libs/auth/auth.h"
#include "libs/status/status.h"
#include "services/gateway/downstream.h"
#include "services/gateway/path_rule.h"
#include "services/gateway/relay_errors.h"
#include "services/gateway/upstream.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

using lgsp::evidence::v1::Outcome;

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
      noted_(begun_),
      exchange_id_(NewUuid(worker->clock())),
      scanner_(kMaxMessageBytes) {
  worker_->AddExchange();
}

Exchange::~Exchange() {
  LeaveUpstream();
  LeaveEvidence();
  if (waiting_for_quota_) worker_->StopWaitingForQuota(this);
  if (has_deadline_) worker_->deadlines().erase(deadline_);
  DropHead();
  CountBuffered(-static_cast<int64_t>(request_.size() + response_.size()));
  if (metrics_ != nullptr) Finish(static_cast<int>(absl::StatusCode::kCancelled));
  worker_->RemoveExchange();
}

void Exchange::LeaveUpstream() {
  if (waiting_for_upstream_) worker_->pool().StopWaiting(this);
  waiting_for_upstream_ = false;
  if (upstream_ != nullptr) upstream_->Abandon(upstream_id_);
  upstream_ = nullptr;
}

void Exchange::CountBuffered(int64_t change) { downstream_->CountBuffered(change); }

void Exchange::Started(RouteMetrics* metrics) {
  if (metrics_ != nullptr) return;
  metrics_ = metrics;
  metrics_->started.Add();
}

void Exchange::Finish(int grpc_code) {
  if (finished_) return;
  finished_ = true;
  Started(&worker_->metrics().other);
  metrics_->handled[static_cast<size_t>(grpc_code)].Add();
  metrics_->seconds.Observe(std::chrono::duration<double>(worker_->now() - begun_).count());
}

void Exchange::DropHead() {
  CountBuffered(-static_cast<int64_t>(header_bytes_));
  header_bytes_ = 0;
  Headers().swap(head_.fields);
}

void Exchange::SetDeadline(absl::Duration timeout) {
  deadline_ = worker_->AddDeadline(timeout, this);
  has_deadline_ = true;
}

absl::Duration Exchange::TimeLeft() const {
  return decision_.timeout - absl::FromChrono(worker_->now() - begun_);
}

void Exchange::OnRequestData(absl::string_view data) {
  if (!relaying_ || finished_) return downstream_->Consume(stream_id_, data.size());
  request_.Append(data);
  if (recorded_) request_digest_.Add(data);
  CountBuffered(static_cast<int64_t>(data.size()));
  if (local_ != nullptr) return AnswerLocally();
  if (rest_ != nullptr) {
    if (IsBodyless(head_.method)) return Fail(BodyNotAllowed());
    rest_->body.Update(data);
    rest_->body_bytes += static_cast<int64_t>(data.size());
  } else if (absl::Status status = scanner_.Scan(data); !status.ok()) {
    return Fail(status);
  }
  if (upstream_ != nullptr) upstream_->Resume(upstream_id_);
}

void Exchange::OnRequestEnd() {
  request_.ended = true;
  if (!relaying_ || finished_) return;
  if (local_ != nullptr) return AnswerLocally();
  if (upstream_ != nullptr) upstream_->Resume(upstream_id_);
}

Headers Exchange::UpstreamHead(absl::string_view address) {
  if (rest_ != nullptr) return RestUpstreamHead(address);
  return ForwardedHead(head_, decision_, TimeLeft(), caller_->token, exchange_id_);
}

void Exchange::OnUpstreamStarted(Upstream* upstream, int32_t stream_id) {
  waiting_for_upstream_ = false;
  forwarded_ = true;
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
  incoming_bytes_ += name.size() + value.size() + kHeaderFieldOverhead;
  if (incoming_bytes_ > kMaxHeaderBytes) return false;
  // These are ours to say: a service could forge a receipt.
  if (absl::StartsWith(name, auth::kHeaderPrefix)) return true;
  incoming_.Add(name, value);
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
    answer_head_ = rest_ != nullptr ? RestAnswerHead(fields, end_stream) : std::move(fields);
    if (!end_stream) return SubmitResponse(false);
    return Conclude(Outcome::ANSWERED,
                    rest_ != nullptr ? GrpcCodeOf(http_status_) : GrpcCode(answer_head_), "");
  }
  if (rest_ == nullptr) trailers_ = std::move(fields);
  if (end_stream) OnResponseEnd();
}

void Exchange::SubmitResponse(bool end_stream) {
  answered_ = true;
  end_submitted_ = end_stream;
  answer_head_.push_back({"lgsp-exchange-id", exchange_id_});
  downstream_->SubmitResponse(stream_id_, answer_head_, end_stream);
}

void Exchange::OnResponseData(absl::string_view data) {
  if (finished_) return;
  response_.Append(data);
  if (recorded_) response_digest_.Add(data);
  CountBuffered(static_cast<int64_t>(data.size()));
  downstream_->Resume(stream_id_);
}

void Exchange::OnResponseEnd() {
  if (finished_) return;
  Conclude(Outcome::ANSWERED, rest_ != nullptr ? GrpcCodeOf(http_status_) : GrpcCode(trailers_),
           "");
}

void Exchange::EndResponse() {
  response_.ended = true;
  if (response_.empty() && !trailers_.empty() && downstream_->WindowIsShut(stream_id_)) {
    // Nobody will ask for the body, but trailers need no window.
    end_submitted_ = true;
    return downstream_->SubmitTrailers(stream_id_, trailers_);
  }
  downstream_->Resume(stream_id_);
}

ssize_t Exchange::ReadResponse(uint8_t* buffer, size_t size, uint32_t* flags) {
  if (end_submitted_) return NGHTTP2_ERR_DEFERRED;
  const size_t taken = response_.Take(buffer, std::min(size, Sendable()));
  if (taken > 0) {
    if (rest_ != nullptr && rest_->left.has_value()) {
      *rest_->left -= std::min<uint64_t>(taken, *rest_->left);
    }
    CountBuffered(-static_cast<int64_t>(taken));
    if (upstream_ != nullptr) upstream_->Consume(upstream_id_, taken);
    if (local_ != nullptr && !response_.ended) AnswerLocally();
  }
  if (response_.ended && response_.empty() && !end_submitted_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    end_submitted_ = true;
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

void Exchange::OnUpstreamClosed(uint32_t error_code, bool not_taken) {
  upstream_ = nullptr;
  if (finished_) return;
  forwarded_ = !not_taken;
  if (not_taken && !retried_ && !request_taken_ && !answered_ &&
      TimeLeft() > absl::ZeroDuration()) {
    retried_ = true;
    waiting_for_upstream_ = true;
    return worker_->pool().Open(this);
  }
  // The service's clock for this call ends with ours, and may be the one that is heard first.
  if (error_code == NGHTTP2_CANCEL && TimeLeft() < kDeadlineSlack) return Fail(DeadlinePassed());
  Fail(UpstreamLost(error_code, not_taken));
}

void Exchange::Fail(const absl::Status& status) {
  if (finished_) return;
  worker_->CountRefused(status);
  if (recorded_ && ticket_ == nullptr && (recorded_ = MayRecordRefusal())) AddIntent();
  LeaveUpstream();
  // What was taken in and will not be sent counts as consumed: the system may send on.
  downstream_->Consume(stream_id_, request_.size());
  CountBuffered(-static_cast<int64_t>(request_.size()));
  request_.Clear();
  DropHead();
  SetError(status);
  Conclude(forwarded_ ? Outcome::FAILED : Outcome::REFUSED, static_cast<int>(status.code()),
           ErrorReason(status));
}

void Exchange::SetError(const absl::Status& status) {
  if (answered_) {
    // A REST answer has nothing behind its body.
    broken_off_ = protocol_ != Protocol::kGrpc;
    if (!broken_off_) trailers_ = StatusFields(status);
    return;
  }
  if (protocol_ == Protocol::kGrpc) {
    answer_head_ = {{":status", "200"}, {"content-type", kGrpcType}};
    answer_head_.Append(StatusFields(status));
    return;
  }
  HttpAnswer answer =
      protocol_ == Protocol::kRest ? RestError(status, exchange_id_, accept_) : HttpError(status);
  answer_head_ = std::move(answer.head);
  absl::SimpleAtoi(FieldOf(answer_head_, ":status"), &http_status_);
  CountBuffered(-static_cast<int64_t>(response_.size()));
  response_.Clear();
  if (head_.method != "HEAD") response_.Append(answer.body);
  CountBuffered(static_cast<int64_t>(response_.size()));
}

void Exchange::OnDeadline() {
  has_deadline_ = false;
  // The answer is on its way whole: nothing of it waits for the system's window.
  if (end_submitted_) return;
  // An end that waits for the disk comes, and is the truth: the service may have ended the call in
  // the last moment.
  const bool recording = concluded_ && !released_;
  const bool stalled = answered_ && !response_.empty() && downstream_->WindowIsShut(stream_id_);
  if (!recording && (finished_ || stalled)) {
    // What is left of the answer, trailers too, would wait behind bytes that nobody takes.
    LeaveUpstream();
    if (ticket_ != nullptr && !concluded_) {
      AddOutcome(Outcome::FAILED, static_cast<int>(absl::StatusCode::kDeadlineExceeded),
                 ErrorReason(DeadlinePassed()));
    }
    Finish(static_cast<int>(absl::StatusCode::kDeadlineExceeded));
    return downstream_->Reset(stream_id_, NGHTTP2_CANCEL);
  }
  Fail(DeadlinePassed());
  if (end_submitted_) return;
  // Trailers wait for the disk, and behind bytes that were about to leave; not for ever.
  SetDeadline(absl::FromChrono(worker_->now() - begun_) + kTrailerGrace);
}

void Exchange::OnPolicy(const Policy& policy) {
  if (finished_ || !relaying_) return;
  // A call goes on under the agreement under which it began, or not at all.
  const Identity identity{SystemUnder(policy, downstream_->peer(), token_), token_};
  bool allowed = identity.system != nullptr;
  if (allowed && local_ == nullptr) {
    const auto decision = DecideBy(policy, identity, worker_->clock().SecurityNow());
    allowed = decision.ok() && CallerOf(*decision, identity, head_).ok() &&
              decision->grant->agreement->name() == decision_.grant->agreement->name();
  }
  if (!allowed) Fail(AgreementWithdrawn());
}

void Exchange::OnConnectFailed() {
  // Another address may be there; this one is passed over for a while.
  waiting_for_upstream_ = true;
  worker_->pool().Open(this);
}

}  // namespace lgsp::gateway
