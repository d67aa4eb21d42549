#include "services/gateway/evidence.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/gateway/exchange.h"
#include "services/gateway/limits.h"
#include "services/gateway/relay_errors.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {

std::shared_ptr<EvidenceTicket> EvidenceWriter::AddIntent(
    Exchange* exchange, const lgsp::evidence::v1::Intent& intent) {
  auto ticket = std::make_shared<EvidenceTicket>();
  ticket->exchange = exchange;
  lgsp::evidence::v1::Record record;
  *record.mutable_intent() = intent;
  record.SerializeToString(&ticket->intent);
  intents_.push_back(ticket);
  FlushSoon();
  return ticket;
}

void EvidenceWriter::AddOutcome(const std::shared_ptr<EvidenceTicket>& ticket,
                                const lgsp::evidence::v1::Outcome& outcome) {
  lgsp::evidence::v1::Record record;
  *record.mutable_outcome() = outcome;
  record.SerializeToString(&ticket->outcome);
  if (!ticket->intent_written) {
    intents_.erase(std::remove(intents_.begin(), intents_.end(), ticket), intents_.end());
  }
  outcomes_.push_back(ticket);
  FlushSoon();
}

void EvidenceWriter::AddProgress(const lgsp::evidence::v1::Progress& progress) {
  lgsp::evidence::v1::Record record;
  *record.mutable_progress() = progress;
  progress_.push_back(record.SerializeAsString());
  FlushSoon();
}

void EvidenceWriter::FlushSoon() {
  if (flush_posted_) return;
  flush_posted_ = true;
  worker_.Post([this] { Flush(); });
}

void EvidenceWriter::Flush() {
  flush_posted_ = false;
  Tickets outcomes, intents;
  for (const std::string& record : progress_) {
    if (const auto written = log_->Append({record}); !written.ok()) break;
  }
  progress_.clear();
  if (!retrying_) outcomes.swap(outcomes_);
  intents.swap(intents_);
  for (size_t begin = 0; begin < outcomes.size(); begin += kMaxEvidenceBatch) {
    const size_t end = std::min(outcomes.size(), begin + kMaxEvidenceBatch);
    WriteOutcomes(Tickets(outcomes.begin() + static_cast<ptrdiff_t>(begin),
                          outcomes.begin() + static_cast<ptrdiff_t>(end)));
  }
  for (size_t begin = 0; begin < intents.size(); begin += kMaxEvidenceBatch) {
    const size_t end = std::min(intents.size(), begin + kMaxEvidenceBatch);
    WriteIntents(Tickets(intents.begin() + static_cast<ptrdiff_t>(begin),
                         intents.begin() + static_cast<ptrdiff_t>(end)));
  }
}

absl::StatusOr<uint64_t> EvidenceWriter::Append(const Tickets& tickets) {
  std::vector<absl::string_view> entries;
  entries.reserve(2 * tickets.size());
  for (const auto& ticket : tickets) {
    if (!ticket->intent_written) entries.push_back(ticket->intent);
    if (!ticket->outcome.empty()) entries.push_back(ticket->outcome);
  }
  // Before it is there: see open_from().
  if (open_.empty()) open_from_.store(log_->size());
  auto first = log_->Append(entries);
  if (open_.empty() && !first.ok()) open_from_.store(UINT64_MAX);
  return first;
}

void EvidenceWriter::NoteIntent(EvidenceTicket& ticket, uint64_t index) {
  ticket.intent_written = true;
  ticket.number = first_open_ + open_.size();
  open_.push_back({index, true});
  std::string().swap(ticket.intent);
}

void EvidenceWriter::Close(const EvidenceTicket& ticket) {
  open_[ticket.number - first_open_].open = false;
  while (!open_.empty() && !open_.front().open) {
    open_.pop_front();
    ++first_open_;
  }
  open_from_.store(open_.empty() ? UINT64_MAX : open_.front().index);
}

void EvidenceWriter::WriteIntents(const Tickets& tickets) {
  const auto first = Append(tickets);
  if (first.ok()) {
    for (size_t i = 0; i < tickets.size(); ++i) NoteIntent(*tickets[i], *first + i);
  }
  for (const auto& ticket : tickets) {
    Exchange* const exchange = ticket->exchange;
    if (exchange != nullptr) exchange->OnIntentWritten(first.status());
  }
}

void EvidenceWriter::WriteOutcomes(const Tickets& tickets) {
  const auto first = Append(tickets);
  if (!first.ok()) {
    // The disk is full, most likely. What is under way ends when there is room again; what was
    // refused is answered without.
    for (const auto& ticket : tickets) {
      Exchange* const exchange = ticket->exchange;
      const bool waits = ticket->intent_written && !broken_;
      if (waits) outcomes_.push_back(ticket);
      if (!waits && exchange != nullptr) exchange->OnOutcomeDurable(EvidenceLost());
    }
    if (outcomes_.empty() || retrying_) return;
    retrying_ = true;
    worker_.PostAfter(kEvidenceRetry, [this] {
      retrying_ = false;
      FlushSoon();
    });
    return;
  }
  uint64_t index = *first;
  for (const auto& ticket : tickets) {
    if (!ticket->intent_written) NoteIntent(*ticket, index++);
    ticket->outcome_index = index++;
    std::string().swap(ticket->outcome);
    waiting_.push_back(ticket);
  }
  for (const auto& ticket : tickets) Close(*ticket);
  // It may have become durable before it was in the queue.
  if (durable_ > *first) TellDurable();
}

void EvidenceWriter::OnDurable(const absl::StatusOr<uint64_t>& durable) {
  if (durable.ok()) {
    durable_.store(*durable);
  } else {
    broken_.store(true);
  }
  if (!tell_posted_.exchange(true)) {
    worker_.Post([this] {
      tell_posted_.store(false);
      TellDurable();
    });
  }
}

void EvidenceWriter::TellDurable() {
  const uint64_t durable = durable_.load();
  while (!waiting_.empty() && waiting_.front()->outcome_index < durable) {
    const auto ticket = std::move(waiting_.front());
    waiting_.pop_front();
    if (ticket->exchange != nullptr) ticket->exchange->OnOutcomeDurable(absl::OkStatus());
  }
  if (!broken_) return;
  Tickets lost(waiting_.begin(), waiting_.end());
  lost.insert(lost.end(), outcomes_.begin(), outcomes_.end());
  waiting_.clear();
  outcomes_.clear();
  for (const auto& ticket : lost) {
    if (ticket->exchange != nullptr) ticket->exchange->OnOutcomeDurable(EvidenceLost());
  }
}

}  // namespace lgsp::gateway
