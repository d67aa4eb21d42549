// An append-only, verifiable log with one writer process: a transparency log in the C2SP tlog-tiles
// form (tiles.h) on files, in front of it a write-ahead journal (journal.h).
//
// An entry passes three stages: *appended* (it is in the journal's file; a kill -9 loses it not),
// *durable* (the file is synced; a power cut loses it not) and *signed* (tiles and a checkpoint on
// the disk cover it; it can be proved). A committer thread syncs whatever was appended as soon as
// the last sync returned; a signer thread publishes at most once a second.
//
//   auto log = Log::Open({.directory = …, .origin = …, .key = …, .metrics = …, .replay = …});
//   log->AddDurableListener([](absl::StatusOr<uint64_t> durable) { … });
//   const auto index = log->Append({record});        // receipt: <origin>#<index>
//
// Metrics: evidence_log_entries_total, evidence_log_syncs_total, evidence_log_sync_seconds,
// evidence_log_unsynced_entries, evidence_log_signed_size,
// evidence_log_checkpoint_time_seconds (Unix time of the last checkpoint), evidence_log_writable.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/evidence/file.h"
#include "libs/evidence/journal.h"
#include "libs/evidence/limits.h"
#include "libs/evidence/note.h"
#include "libs/evidence/publisher.h"
#include "libs/keys/jws.h"
#include "libs/metrics/metrics.h"

namespace lgsp::evidence {

struct LogLimits {
  uint64_t segment_bytes = kSegmentBytes;
  uint64_t unsynced_bytes = kMaxUnsyncedBytes;
  uint64_t backlog_bytes = kMaxBacklogBytes;
  absl::Duration checkpoint_interval = kCheckpointInterval;
};

struct LogOptions {
  std::string directory;  // made when missing
  std::string origin;     // CheckOrigin; never changes in the life of a log
  keys::SigningKey key;
  metrics::Registry* metrics;
  // Called by Open, in order, for each entry from where SetReplayFrom last said: the owner learns
  // what was open when the process died. May be null.
  std::function<void(uint64_t index, absl::string_view entry)> replay = nullptr;
  LogLimits limits = {};
};

// All methods are thread-safe.
class Log {
 public:
  // Gets the number of entries that are durable now, or, once, the error after which no further
  // entry will become durable in this process.
  using DurableListener = std::function<void(const absl::StatusOr<uint64_t>& durable)>;

  // Opens or makes the log and recovers what a killed writer left. INVALID_ARGUMENT
  // EVIDENCE_ORIGIN_INVALID; FAILED_PRECONDITION EVIDENCE_LOG_IN_USE (another writer),
  // EVIDENCE_LOG_FOREIGN (its checkpoint is signed by another key or origin); DATA_LOSS
  // EVIDENCE_LOG_DAMAGED (metadata: file, offset) when anything durable is missing or altered;
  // RESOURCE_EXHAUSTED EVIDENCE_DISK_FULL, UNAVAILABLE EVIDENCE_LOG_UNWRITABLE,
  // EVIDENCE_LOG_UNREADABLE.
  static absl::StatusOr<std::unique_ptr<Log>> Open(LogOptions options);

  // Syncs and signs what was appended.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Appends the entries as one unit; returns the index of the first. They are in the file, not yet
  // durable. After an error none of them is. INVALID_ARGUMENT EVIDENCE_APPEND_INVALID (no entry,
  // one longer than kMaxEntryBytes, or more than kMaxAppendBytes together); RESOURCE_EXHAUSTED
  // EVIDENCE_BACKLOG_FULL, EVIDENCE_DISK_FULL: a later call may succeed; UNAVAILABLE
  // EVIDENCE_LOG_UNWRITABLE: so it may, unless a sync failed, which ends the log in this process.
  absl::StatusOr<uint64_t> Append(absl::Span<const absl::string_view> entries);

  // `listener` is called on the committer's thread after each sync, never again after the log's
  // destructor; it must be quick, must not call this method, and is not told what was durable
  // before.
  void AddDurableListener(DurableListener listener);

  // Waits until `size` entries are durable, or signed. DEADLINE_EXCEEDED EVIDENCE_NOT_YET; the
  // log's error when it broke. Checkpoint returns the signed note, which may cover more.
  absl::Status WaitDurable(uint64_t size, absl::Time deadline);
  absl::StatusOr<std::string> WaitCheckpoint(uint64_t size, absl::Time deadline);

  // What Open replays starts here, from the next checkpoint on. An index that is not signed yet
  // counts as far as the log is signed. Never goes back.
  void SetReplayFrom(uint64_t index);

  // Deletes the bundles whose entries all lie before `before_index`, are signed and are not to be
  // replayed. Their hashes stay, so that everything else can be proved. Returns the new minimum
  // index. Errors as of a write.
  absl::StatusOr<uint64_t> Forget(uint64_t before_index);

  uint64_t size() const;
  uint64_t durable_size() const;
  // The public key with which readers verify.
  const NoteKey& verifier() const { return verifier_; }

 private:
  struct Recovered {
    Fd lock;
    std::unique_ptr<Publisher> publisher;
    std::vector<Segment> segments;
    uint64_t size = 0;
    uint64_t signed_size = 0;
    std::string note;
    uint64_t replay_from = 0;
    uint64_t minimum_index = 0;
  };
  static absl::StatusOr<Recovered> Recover(const LogOptions& options, const NoteKey& verifier);

  struct Metrics {
    explicit Metrics(metrics::Registry* registry);
    metrics::Counter entries, syncs;
    metrics::Histogram sync_seconds;
    metrics::Gauge unsynced, signed_size, checkpoint_time, writable;
  };

  Log(LogOptions options, NoteKey verifier, Recovered recovered);

  absl::Status WriteFrame(Frame* frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit();
  absl::Status Sync(const std::vector<std::shared_ptr<Segment>>& segments);
  void Tell(const absl::StatusOr<uint64_t>& durable);
  void Sign();
  absl::Status Round(bool checkpoint);
  void SetWritable(bool writable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasUnsynced() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool HasUnsigned() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool HasTileBatch() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const LogOptions options_;
  const NoteKey verifier_;
  const Fd lock_;
  Metrics metrics_;
  const std::unique_ptr<Publisher> publisher_;  // the signer's
  std::string synced_segment_;  // the committer's: the last whose name is synced in the folder

  mutable absl::Mutex mutex_;
  Journal journal_ ABSL_GUARDED_BY(mutex_);
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
  uint64_t size_ ABSL_GUARDED_BY(mutex_);
  uint64_t durable_ ABSL_GUARDED_BY(mutex_);
  Batch unsynced_ ABSL_GUARDED_BY(mutex_);
  uint64_t syncing_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<Segment>> written_ ABSL_GUARDED_BY(mutex_);  // since the last sync
  std::vector<Batch> durable_batches_ ABSL_GUARDED_BY(mutex_);             // not yet in the tree
  uint64_t durable_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of these, and of those in the round
  uint64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // in the tree, not in synced tiles
  bool writable_ ABSL_GUARDED_BY(mutex_) = true;
  uint64_t signed_ ABSL_GUARDED_BY(mutex_);
  std::string note_ ABSL_GUARDED_BY(mutex_);
  bool first_round_ ABSL_GUARDED_BY(mutex_) = true;  // completes what a crash interrupted
  uint64_t replay_from_ ABSL_GUARDED_BY(mutex_);
  uint64_t published_replay_from_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool committed_ ABSL_GUARDED_BY(mutex_) = false;  // the committer has ended

  absl::Mutex listeners_mutex_;
  std::vector<DurableListener> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  absl::Mutex forget_mutex_;
  uint64_t minimum_index_ ABSL_GUARDED_BY(forget_mutex_);

  std::thread committer_;
  std::thread signer_;
};

}  // namespace lgsp::evidence
