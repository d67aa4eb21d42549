// The last stage of the pipeline: evidence. An intent is in the log's file before anything of the
// call leaves for the service; the outcome is durable before the answer's end leaves for the caller
// (DESIGN.md section 6). What is written in one turn of the loop is written at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "lgsp/evidence/v1/record.pb.h"
#include "libs/evidence/log.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {

class Exchange;
class Worker;

// A call in the log. Shared by the exchange, which may be gone before, and by what waits here.
struct EvidenceTicket {
  // nullptr: nobody waits for it any more.
  Exchange* exchange = nullptr;
  std::string intent, outcome;  // serialized, until they are written
  bool intent_written = false;
  // In the log.
  uint64_t intent_index = 0, outcome_index = 0;
};

// Of one worker; on its thread, but for what says otherwise.
class EvidenceWriter {
 public:
  // Without a log nothing is kept. Both outlive it.
  EvidenceWriter(Worker* worker, evidence::Log* log) : worker_(*worker), log_(log) {}
  // Before the worker starts.
  void SetProgressInterval(absl::Duration interval) { progress_interval_ = interval; }
  absl::Duration progress_interval() const { return progress_interval_; }

  bool enabled() const { return log_ != nullptr; }
  // From any thread: whether the disk has room for more than what is under way.
  void SetRoom(bool room) { room_.store(room); }
  bool has_room() const { return room_.load(); }
  // The disk has failed: nothing more is kept until the gateway is started anew.
  bool broken() const { return broken_.load(); }
  // Whether the refusal of a caller nobody knows is kept: kMaxStrangerRecords in a second are.
  bool TakeStranger() { return strangers_++ < kMaxStrangerRecords; }
  void OnSecond() { strangers_ = 0; }
  const std::string& origin() const { return log_->verifier().name(); }

  // Records as bytes (evidence_records.h).
  // At the end of this turn Exchange::OnIntentWritten is called.
  std::shared_ptr<EvidenceTicket> AddIntent(Exchange* exchange, std::string intent);
  // Once it is durable Exchange::OnOutcomeDurable is called. An intent that is not written yet goes
  // along: the call was refused.
  void AddOutcome(const std::shared_ptr<EvidenceTicket>& ticket, std::string outcome);

  // Nobody waits for it, and it may be lost with the process.
  void AddProgress(std::string progress);

  // From the committer's thread: how much of the log is durable, or that nothing more will be.
  void OnDurable(const absl::StatusOr<uint64_t>& durable);

  // From any thread: all intents of this worker before it have their outcome on the disk. To be
  // read after the log's size; then nothing open lies before the smaller of the two.
  uint64_t open_from() const { return open_from_.load(); }

 private:
  using Tickets = std::vector<std::shared_ptr<EvidenceTicket>>;
  using Batch = absl::Span<const std::shared_ptr<EvidenceTicket>>;

  void FlushSoon();
  void Flush();
  // Calls `write` with batches of at most kMaxEvidenceBatch and kMaxEvidenceBatchBytes.
  void InBatches(const Tickets& tickets, absl::FunctionRef<void(Batch)> write);
  // Writes intents, or outcomes with those intents that were not written before.
  absl::StatusOr<uint64_t> Append(Batch tickets);
  void WriteIntents(Batch tickets);
  void WriteOutcomes(Batch tickets);
  // The outcomes could not be written: those whose call was sent on wait, the others are dropped.
  void Keep(Batch tickets, const absl::Status& status);
  void RetrySoon();
  void NoteOpen();
  void TellDurable();
  void TellLost();

  Worker& worker_;
  evidence::Log* const log_;
  absl::Duration progress_interval_ = absl::InfiniteDuration();
  Tickets intents_, outcomes_;
  std::vector<std::string> progress_;
  bool flush_posted_ = false, retrying_ = false;
  // Written, in the order of the log.
  std::deque<std::shared_ptr<EvidenceTicket>> waiting_;
  // Intents in the log whose outcome is not on the disk.
  absl::btree_set<uint64_t> open_;
  int strangers_ = 0;
  std::atomic<uint64_t> open_from_{UINT64_MAX};
  std::atomic<uint64_t> durable_{0};
  std::atomic<bool> broken_{false}, tell_posted_{false}, room_{true};
};

}  // namespace lgsp::gateway
