#include "services/gateway/evidence.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/gateway/exchange.h"
#include "services/gateway/limits.h"
#include "services/gateway/relay_errors.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {

std::shared_ptr<EvidenceTicket> EvidenceWriter::AddIntent(Exchange* exchange, std::string intent) {
  auto ticket = std::make_shared<EvidenceTicket>();
  ticket->exchange = exchange;
  ticket->intent = std::move(intent);
  intents_.push_back(ticket);
  FlushSoon();
  return ticket;
}

void EvidenceWriter::AddOutcome(const std::shared_ptr<EvidenceTicket>& ticket,
                                std::string outcome) {
  ticket->outcome = std::move(outcome);
  if (!ticket->intent_written) {
    intents_.erase(std::remove(intents_.begin(), intents_.end(), ticket), intents_.end());
  }
  outcomes_.push_back(ticket);
  FlushSoon();
}

void EvidenceWriter::AddProgress(std::string progress) {
  progress_.push_back(std::move(progress));
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
  InBatches(outcomes, [this](Batch batch) { WriteOutcomes(batch); });
  InBatches(intents, [this](Batch batch) { WriteIntents(batch); });
}

void EvidenceWriter::InBatches(const Tickets& tickets, absl::FunctionRef<void(Batch)> write) {
  const Batch all(tickets);
  size_t begin = 0, bytes = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t more = all[i]->intent.size() + all[i]->outcome.size();
    if (i - begin == kMaxEvidenceBatch || bytes + more > kMaxEvidenceBatchBytes) {
      write(all.subspan(begin, i - begin));
      begin = i;
      bytes = 0;
    }
    bytes += more;
  }
  if (begin < all.size()) write(all.subspan(begin));
}

absl::StatusOr<uint64_t> EvidenceWriter::Append(Batch tickets) {
  std::vector<absl::string_view> entries;
  entries.reserve(2 * tickets.size());
  for (const auto& ticket : tickets) {
    if (!ticket->intent_written) entries.push_back(ticket->intent);
    if (!ticket->outcome.empty()) entries.push_back(ticket->outcome);
  }
  // Before it is there: see open_from().
  if (open_.empty()) open_from_.store(log_->size());
  return log_->Append(entries);
}

void EvidenceWriter::NoteOpen() { open_from_.store(open_.empty() ? UINT64_MAX : *open_.begin()); }

void EvidenceWriter::WriteIntents(Batch tickets) {
  const auto first = Append(tickets);
  if (first.ok()) {
    uint64_t index = *first;
    for (const auto& ticket : tickets) {
      ticket->intent_written = true;
      ticket->intent_index = index++;
      open_.insert(open_.end(), ticket->intent_index);
      std::string().swap(ticket->intent);
    }
  }
  NoteOpen();
  for (const auto& ticket : tickets) {
    Exchange* const exchange = ticket->exchange;
    if (exchange != nullptr) exchange->OnIntentWritten(first.status());
  }
}

void EvidenceWriter::WriteOutcomes(Batch tickets) {
  const auto first = Append(tickets);
  if (!first.ok()) {
    NoteOpen();
    return Keep(tickets, first.status());
  }
  uint64_t index = *first;
  for (const auto& ticket : tickets) {
    if (!ticket->intent_written) {
      ticket->intent_written = true;
      ticket->intent_index = index++;
      open_.insert(ticket->intent_index);
      std::string().swap(ticket->intent);
    }
    ticket->outcome_index = index++;
    std::string().swap(ticket->outcome);
    waiting_.push_back(ticket);
  }
  NoteOpen();
  // It may have become durable before it was in the queue.
  if (durable_ > *first) TellDurable();
}

void EvidenceWriter::Keep(Batch tickets, const absl::Status& status) {
  // The disk is full, most likely. What is under way ends when there is room again; what was
  // refused is answered without.
  const bool may_pass = absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
  if (!may_pass) log::Error("outcomes cannot be kept as evidence", {{"status", status}});
  for (const auto& ticket : tickets) {
    Exchange* const exchange = ticket->exchange;
    const bool waits = ticket->intent_written && may_pass && !broken_ && !worker_.closing();
    if (waits) {
      outcomes_.push_back(ticket);
      continue;
    }
    worker_.metrics().evidence_dropped.Add();
    if (exchange != nullptr) exchange->OnOutcomeDurable(EvidenceLost());
  }
  if (!outcomes_.empty() && !retrying_) RetrySoon();
}

void EvidenceWriter::RetrySoon() {
  retrying_ = true;
  worker_.PostAfter(kEvidenceRetry, [this] {
    retrying_ = false;
    // Whoever is closing does not wait for room: the next start closes what is open.
    if (worker_.closing()) return TellLost();
    FlushSoon();
  });
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
    open_.erase(ticket->intent_index);
    if (ticket->exchange != nullptr) ticket->exchange->OnOutcomeDurable(absl::OkStatus());
  }
  NoteOpen();
  if (broken_) TellLost();
}

void EvidenceWriter::TellLost() {
  Tickets lost(waiting_.begin(), waiting_.end());
  lost.insert(lost.end(), outcomes_.begin(), outcomes_.end());
  waiting_.clear();
  outcomes_.clear();
  for (const auto& ticket : lost) {
    if (ticket->exchange != nullptr) ticket->exchange->OnOutcomeDurable(EvidenceLost());
  }
}

}  // namespace lgsp::gateway
