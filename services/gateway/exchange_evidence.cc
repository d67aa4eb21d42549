// What an exchange gives to the evidence log, and how its answer waits for it (evidence.h).
#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/gateway/downstream.h"
#include "services/gateway/evidence_records.h"
#include "services/gateway/exchange.h"
#include "services/gateway/relay_errors.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

using lgsp::evidence::v1::Outcome;

std::string HeadSha256(const RequestHead& head) {
  keys::Sha256Stream hash;
  hash.Update(head.method);
  hash.Update(" ");
  hash.Update(head.path);
  hash.Update("\n");
  for (const Header field : head.fields) {
    if (field.name == "authorization") continue;
    hash.Update(field.name);
    hash.Update(": ");
    hash.Update(field.value);
    hash.Update("\n");
  }
  return hash.Finish();
}

// nghttp2 lets every byte above 0x7F through; a record is text.
std::string PrintablePath(absl::string_view path, size_t limit) {
  path = path.substr(0, limit);
  const bool printable = std::all_of(path.begin(), path.end(),
                                     [](char c) { return c >= 0x20 && c <= 0x7E && c != '\\'; });
  return printable ? std::string(path) : absl::CHexEscape(path);
}

}  // namespace

bool Exchange::MayRecordRefusal() {
  // As the connection has it, when the call did not get as far as that.
  if (system_ == nullptr && policy_ != nullptr) system_ = SystemOf(*policy_, downstream_->peer());
  EvidenceWriter& evidence = worker_->evidence();
  const bool may = evidence.has_room() && worker_->Admit().ok() &&
                   (system_ != nullptr || evidence.TakeStranger());
  if (!may) worker_->metrics().evidence_dropped.Add();
  return may;
}

void Exchange::AddIntent() {
  std::string caller;
  if (caller_ == nullptr && system_ != nullptr) {
    lgsp::auth::v1::Caller refused;
    refused.set_system(system_->system->name());
    caller = refused.SerializeAsString();
  }
  const std::string path = PrintablePath(protocol_ == Protocol::kGrpc ? head_.path : EvidencePath(),
                                         system_ != nullptr ? kMaxEvidencePath : kMaxStrangerPath);
  ticket_ = worker_->evidence().AddIntent(
      this, IntentRecord({exchange_id_, worker_->clock().SecurityNow(),
                          caller_ != nullptr ? caller_->evidence : caller, path,
                          decision_.traceparent, HeadSha256(head_)}));
}

void Exchange::OnIntentWritten(const absl::Status& written) {
  if (finished_) return;
  if (!written.ok()) {
    // Nor could the refusal be kept.
    recorded_ = false;
    ticket_.reset();
    return Fail(EvidenceUnavailable());
  }
  waiting_for_upstream_ = true;
  worker_->pool().Open(this);
}

void Exchange::Conclude(Outcome::End end, int grpc_code, absl::string_view reason) {
  Finish(grpc_code);
  if (!recorded_) return Release();
  AddOutcome(end, grpc_code, reason);
}

void Exchange::AddOutcome(Outcome::End end, int grpc_code, absl::string_view reason) {
  concluded_ = true;
  const std::string request = request_digest_.hash.Finish();
  const std::string response = response_digest_.hash.Finish();
  worker_->evidence().AddOutcome(
      ticket_,
      OutcomeRecord({exchange_id_, worker_->clock().SecurityNow(), end, grpc_code, reason, request,
                     request_digest_.bytes, response, response_digest_.bytes, http_status_}));
}

void Exchange::OnOutcomeDurable(const absl::Status& durable) {
  // A refusal stands without its record too; what the service did must not be told without.
  if (!durable.ok() && forwarded_) {
    worker_->CountRefused(durable);
    LeaveUpstream();
    SetError(durable);
  }
  Headers& last = answered_ ? trailers_ : answer_head_;
  if (durable.ok() && !last.empty()) {
    last.push_back(
        {"lgsp-receipt", absl::StrCat(worker_->evidence().origin(), "#", ticket_->outcome_index)});
  }
  Release();
}

void Exchange::Release() {
  released_ = true;
  if (broken_off_) return downstream_->Reset(stream_id_, NGHTTP2_INTERNAL_ERROR);
  if (!answered_) {
    const bool whole = response_.empty();
    SubmitResponse(whole);
    if (whole) return;
  }
  EndResponse();
}

void Exchange::Sweep(SteadyTime now) {
  const bool under_way = recorded_ && forwarded_ && !finished_;
  if (!under_way || absl::FromChrono(now - noted_) < worker_->evidence().progress_interval()) {
    return;
  }
  noted_ = now;
  lgsp::evidence::v1::Record record;
  lgsp::evidence::v1::Progress& progress = *record.mutable_progress();
  progress.set_exchange_id(exchange_id_);
  *progress.mutable_time() = ToTimestamp(worker_->clock().SecurityNow());
  progress.set_request_bytes(request_digest_.bytes);
  progress.set_response_bytes(response_digest_.bytes);
  worker_->evidence().AddProgress(record.SerializeAsString());
}

void Exchange::LeaveEvidence() {
  if (ticket_ == nullptr) return;
  ticket_->exchange = nullptr;
  if (!concluded_) {
    AddOutcome(Outcome::CALLER_GONE, static_cast<int>(absl::StatusCode::kCancelled), "");
  }
}

}  // namespace lgsp::gateway
