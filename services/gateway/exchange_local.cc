// The part of an exchange that the gateway answers itself (local_call.h).
#include "libs/status/status.h"
#include "services/gateway/downstream.h"
#include "services/gateway/exchange.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {

void Exchange::BeginLocally(const SystemEntry* system) {
  const auto timeout = TimeoutOf(head_);
  if (!timeout.ok()) return Fail(timeout.status());
  decision_.timeout = *timeout;
  if (absl::Status admitted = worker_->Admit(); !admitted.ok()) return Fail(admitted);
  local_ = MakeLocalCall(head_.path, policy_, system, worker_->serving());
  if (local_ == nullptr) {
    return Fail(MakeError(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN", "no such method"));
  }
  Started(&worker_->metrics().other);
  relaying_ = true;
  SetDeadline(decision_.timeout);
  AnswerLocally();
}

void Exchange::AnswerLocally() {
  while (!finished_ && response_.size() < kMaxLocalBacklogBytes) {
    size_t taken = 0;
    auto message = TakeMessage(request_.View(), kMaxLocalMessageBytes, taken);
    if (!message.ok()) return Fail(message.status());
    if (!message->has_value()) break;
    auto answer = local_->Answer(**message);
    request_.Skip(taken);
    downstream_->Consume(stream_id_, taken);
    if (!answer.ok()) return Fail(answer.status());
    const std::string framed = FrameMessage(*answer);
    response_.Append(framed);
    CountBuffered(static_cast<int64_t>(framed.size()) - static_cast<int64_t>(taken));
    if (!answered_) {
      answer_head_ = {{":status", "200"}, {"content-type", kGrpcType}};
      SubmitResponse(false);
    }
    if (local_->is_unary()) return OnLocalEnd();
  }
  if (finished_) return;
  // A message of the largest size fits the window, so that what is incomplete here will not be
  // completed.
  if (request_.ended && response_.size() < kMaxLocalBacklogBytes) return OnLocalEnd();
  if (answered_) downstream_->Resume(stream_id_);
}

void Exchange::OnLocalEnd() {
  if (!answered_) {
    return Fail(MakeError(absl::StatusCode::kInvalidArgument, "MESSAGE_MISSING",
                          "the call has no message"));
  }
  trailers_ = StatusFields(absl::OkStatus());
  Finish(static_cast<int>(absl::StatusCode::kOk));
  EndResponse();
}

}  // namespace lgsp::gateway
