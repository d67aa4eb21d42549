#include "libs/evidence/log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/evidence/tiles.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

using SteadyClock = std::chrono::steady_clock;

// A sync of a good disk takes 50 µs, of a bad one a second.
const std::vector<double>& SyncBuckets() {
  static const auto* const buckets = new std::vector<double>{
      0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5};
  return *buckets;
}

absl::Status CheckEntries(absl::Span<const absl::string_view> entries) {
  const auto invalid = [](absl::string_view what) {
    return MakeError(absl::StatusCode::kInvalidArgument, "EVIDENCE_APPEND_INVALID", what);
  };
  if (entries.empty()) return invalid("there is no entry to append");
  size_t bytes = 0;
  for (const absl::string_view entry : entries) {
    if (entry.size() > kMaxEntryBytes) {
      return invalid(
          absl::StrCat("an entry of ", entry.size(), " bytes is longer than ", kMaxEntryBytes));
    }
    bytes += entry.size() + 2;
  }
  if (bytes <= kMaxAppendBytes) return absl::OkStatus();
  return invalid(absl::StrCat("more than ", kMaxAppendBytes, " bytes at once"));
}

absl::Status NotYet(absl::string_view what, uint64_t size) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "EVIDENCE_NOT_YET",
                   absl::StrCat("not yet ", what, ": ", size, " entries"));
}

}  // namespace

Log::Metrics::Metrics(metrics::Registry* registry)
    : entries(registry->GetCounter("evidence_log_entries_total", "Entries appended.")),
      syncs(registry->GetCounter("evidence_log_syncs_total", "Syncs of the journal.")),
      sync_seconds(registry->GetHistogram(
          "evidence_log_sync_seconds", "How long a sync of the journal took.", {}, SyncBuckets())),
      unsynced(registry->GetGauge("evidence_log_unsynced_entries",
                                  "Entries that the sync under way will make durable.")),
      signed_size(registry->GetGauge("evidence_log_signed_size",
                                     "Entries that the last checkpoint covers.")),
      checkpoint_time(registry->GetGauge("evidence_log_checkpoint_time_seconds",
                                         "When all durable entries were last seen signed.")),
      writable(registry->GetGauge("evidence_log_writable",
                                  "1 when the last append went well, 0 when it was refused.")) {}

Log::Log(LogOptions options, NoteKey verifier, Recovered recovered)
    : options_(std::move(options)),
      verifier_(std::move(verifier)),
      lock_(std::move(recovered.lock)),
      metrics_(options_.metrics),
      publisher_(std::move(recovered.publisher)),
      journal_(absl::StrCat(options_.directory, "/", kJournalFolder), options_.limits.segment_bytes,
               std::move(recovered.segments)),
      size_(recovered.size),
      durable_(recovered.size),
      signed_(recovered.signed_size),
      note_(std::move(recovered.note)),
      replay_from_(recovered.replay_from),
      published_replay_from_(recovered.replay_from),
      minimum_index_(recovered.minimum_index) {
  metrics_.writable.Set(1);
  metrics_.signed_size.Set(static_cast<double>(signed_));
  committer_ = std::thread([this] { Commit(); });
  signer_ = std::thread([this] { Sign(); });
}

Log::~Log() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  committer_.join();
  signer_.join();
}

absl::StatusOr<uint64_t> Log::Append(absl::Span<const absl::string_view> entries) {
  RETURN_IF_ERROR(CheckEntries(entries));
  thread_local Frame frame;
  frame.Encode(entries);
  absl::MutexLock lock(&mutex_);
  const absl::Status status = WriteFrame(&frame);
  SetWritable(status.ok());
  if (!status.ok()) return status;
  const uint64_t first = size_;
  size_ += frame.count;
  unsynced_.count += frame.count;
  unsynced_.bytes.append(frame.payload().data(), frame.payload().size());
  if (written_.empty() || written_.back() != journal_.active()) {
    written_.push_back(journal_.active());
  }
  metrics_.entries.Add(static_cast<double>(frame.count));
  return first;
}

absl::Status Log::WriteFrame(Frame* frame) {
  RETURN_IF_ERROR(broken_);
  const uint64_t unsynced = unsynced_.bytes.size() + syncing_bytes_;
  const uint64_t more = frame->payload().size();
  if (unsynced + more > options_.limits.unsynced_bytes ||
      unsynced + durable_bytes_ + waiting_bytes_ + more > options_.limits.backlog_bytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "EVIDENCE_BACKLOG_FULL",
                     absl::StrCat("the disk does not follow: ", unsynced, " bytes not synced, ",
                                  durable_bytes_ + waiting_bytes_, " not in tiles"));
  }
  return journal_.Write(frame, size_, durable_);
}

void Log::SetWritable(bool writable) {
  if (writable_ == writable) return;
  writable_ = writable;
  metrics_.writable.Set(writable ? 1 : 0);
}

void Log::AddDurableListener(DurableListener listener) {
  absl::MutexLock lock(&listeners_mutex_);
  listeners_.push_back(std::move(listener));
}

void Log::Tell(const absl::StatusOr<uint64_t>& durable) {
  absl::MutexLock lock(&listeners_mutex_);
  for (const DurableListener& listener : listeners_) listener(durable);
}

bool Log::HasUnsynced() const { return unsynced_.count > 0 || stop_; }

void Log::Commit() {
  for (absl::Status status; status.ok();) {
    Batch batch;
    std::vector<std::shared_ptr<Segment>> segments;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Log::HasUnsynced));
      if (unsynced_.count == 0) break;
      std::swap(batch, unsynced_);
      segments.swap(written_);
      syncing_bytes_ = batch.bytes.size();
    }
    metrics_.unsynced.Set(static_cast<double>(batch.count));
    status = Sync(segments);
    absl::StatusOr<uint64_t> durable = uint64_t{0};
    {
      absl::MutexLock lock(&mutex_);
      syncing_bytes_ = 0;
      if (status.ok()) {
        durable_ += batch.count;
        durable_bytes_ += batch.bytes.size();
        durable_batches_.push_back(std::move(batch));
        durable = durable_;
      } else {
        durable = status;
        // The pages that failed may count as clean now: a second sync would lie.
        broken_ = status;
        SetWritable(false);
      }
    }
    if (status.ok()) metrics_.unsynced.Set(0);
    Tell(durable);
  }
  absl::MutexLock lock(&mutex_);
  committed_ = true;
}

absl::Status Log::Sync(const std::vector<std::shared_ptr<Segment>>& segments) {
  const SteadyClock::time_point begin = SteadyClock::now();
  for (const std::shared_ptr<Segment>& segment : segments) {
    if (fdatasync(segment->file.get()) != 0) {
      const int error = errno;
      log::Error("a sync of the evidence journal failed: nothing more is written by this process",
                 {{"file", segment->path}, {"errno", error}});
      // Whatever the reason, full disk included: it is not tried again.
      return MakeError(absl::StatusCode::kUnavailable, "EVIDENCE_LOG_UNWRITABLE",
                       absl::StrCat(segment->path, ": sync failed"), {{"file", segment->path}});
    }
    if (segment->path == synced_segment_) continue;
    RETURN_IF_ERROR(SyncFolder(absl::StrCat(options_.directory, "/", kJournalFolder)));
    synced_segment_ = segment->path;
  }
  metrics_.syncs.Add();
  metrics_.sync_seconds.Observe(std::chrono::duration<double>(SteadyClock::now() - begin).count());
  return absl::OkStatus();
}

bool Log::HasUnsigned() const { return first_round_ || committed_ || signed_ < durable_; }

bool Log::HasTileBatch() const {
  return first_round_ || committed_ || durable_bytes_ >= kTileBatchBytes;
}

void Log::Sign() {
  const absl::Duration interval = options_.limits.checkpoint_interval;
  SteadyClock::time_point last_checkpoint = SteadyClock::now();
  bool failing = false;
  for (;;) {
    bool last = false, checkpoint = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Log::HasUnsigned));
      const auto waited = absl::FromChrono(SteadyClock::now() - last_checkpoint);
      mutex_.AwaitWithTimeout(absl::Condition(this, &Log::HasTileBatch), interval - waited);
      last = committed_;
      checkpoint = last || first_round_ ||
                   absl::FromChrono(SteadyClock::now() - last_checkpoint) >= interval;
    }
    if (checkpoint) last_checkpoint = SteadyClock::now();
    const absl::Status status = Round(checkpoint);
    if (!status.ok() && !failing) log::Error("no evidence checkpoint", {{"status", status}});
    failing = !status.ok();
    absl::MutexLock lock(&mutex_);
    if (last && (status.ok() || stop_)) return;
    if (failing) mutex_.AwaitWithTimeout(absl::Condition(&stop_), interval);
  }
}

absl::Status Log::Round(bool checkpoint) {
  std::vector<Batch> batches;
  uint64_t taken = 0, replay_from = 0;
  {
    absl::MutexLock lock(&mutex_);
    batches.swap(durable_batches_);
    taken = durable_bytes_;
    replay_from = replay_from_;
  }
  for (Batch& batch : batches) {
    publisher_->Add(batch.bytes);
    std::string().swap(batch.bytes);
  }
  const absl::Status written = publisher_->WriteFullTiles();
  {
    absl::MutexLock lock(&mutex_);
    durable_bytes_ -= taken;
    waiting_bytes_ = publisher_->waiting_bytes();
  }
  if (!written.ok() || !checkpoint) return written;
  replay_from = std::min(replay_from, publisher_->size());
  ASSIGN_OR_RETURN(std::string note, publisher_->Publish(replay_from));
  std::vector<std::string> obsolete;
  {
    absl::MutexLock lock(&mutex_);
    signed_ = publisher_->size();
    note_ = std::move(note);
    published_replay_from_ = replay_from;
    first_round_ = false;
    obsolete = journal_.TakeObsolete(publisher_->tiled(), publisher_->size());
  }
  metrics_.signed_size.Set(static_cast<double>(publisher_->size()));
  metrics_.checkpoint_time.Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
  // One that stays is found by the next recovery, as it is older than those that are needed.
  for (const std::string& path : obsolete) unlink(path.c_str());
  return absl::OkStatus();
}

absl::Status Log::WaitDurable(uint64_t size, absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const auto done = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return durable_ >= size || !broken_.ok();
  };
  mutex_.AwaitWithDeadline(absl::Condition(&done), deadline);
  if (durable_ >= size) return absl::OkStatus();
  return broken_.ok() ? NotYet("durable", size) : broken_;
}

absl::StatusOr<std::string> Log::WaitCheckpoint(uint64_t size, absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const auto done = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return (signed_ >= size && !note_.empty()) || (!broken_.ok() && durable_ < size);
  };
  mutex_.AwaitWithDeadline(absl::Condition(&done), deadline);
  if (signed_ >= size && !note_.empty()) return note_;
  return broken_.ok() || durable_ >= size ? NotYet("signed", size) : broken_;
}

void Log::SetReplayFrom(uint64_t index) {
  absl::MutexLock lock(&mutex_);
  replay_from_ = std::max(replay_from_, index);
}

absl::StatusOr<uint64_t> Log::Forget(uint64_t before_index) {
  absl::MutexLock forget(&forget_mutex_);
  {
    absl::MutexLock lock(&mutex_);
    before_index = std::min(before_index, signed_);
    if (options_.replay) before_index = std::min(before_index, published_replay_from_);
  }
  const uint64_t end = before_index / kTileWidth;
  if (end * kTileWidth <= minimum_index_) return minimum_index_;
  // First the word, then the deed: a bundle that is missing is always explained.
  AtomicWriter writer(options_.directory, "minimum-");
  RETURN_IF_ERROR(writer.Write({{std::string(kMinimumIndexFile), NumberText(end * kTileWidth)}}));
  for (uint64_t n = minimum_index_ / kTileWidth; n < end; ++n) {
    const std::string path = absl::StrCat(options_.directory, "/", BundlePath(n, kTileWidth));
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return WriteError(errno, path);
  }
  minimum_index_ = end * kTileWidth;
  return minimum_index_;
}

uint64_t Log::size() const {
  absl::MutexLock lock(&mutex_);
  return size_;
}

uint64_t Log::durable_size() const {
  absl::MutexLock lock(&mutex_);
  return durable_;
}

}  // namespace lgsp::evidence
