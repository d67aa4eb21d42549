// The write-ahead journal: what was appended and is not yet in full tiles. Private to the writer.
//
// A folder of segments named by the index of their first entry (20 digits). All numbers big-endian:
//
//   segment   "LGSPEVJ1", u64 salt, u64 first index, u32 CRC of these; then frames
//   frame     u64 salt, u64 index of its first entry, u64 entries that were durable when it was
//             written, u32 entries, u32 bytes of payload, u32 CRC of the payload, u32 CRC of these;
//             payload: the entries as in a bundle
//
// The salt is random, so that no entry can look like a frame. The durable count tells a torn tail
// from damage: bytes that no later frame, and no checkpoint, calls durable were never synced and
// may be dropped; all others must be there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/evidence/file.h"

namespace lgsp::evidence {

// Consecutive entries in the form of a bundle.
struct Batch {
  uint64_t count = 0;
  std::string bytes;
};

struct Segment {
  uint64_t first;
  std::string path;
  Fd file;
};

// A frame before it is known where it will lie: room for the head, and the payload.
struct Frame {
  std::string bytes;
  uint64_t count = 0;
  uint32_t payload_crc = 0;

  // Reuses the memory.
  void Encode(absl::Span<const absl::string_view> entries);
  absl::string_view payload() const;
};

// Appends frames. Not thread-safe.
class Journal {
 public:
  // `segments`: those that recovery found, oldest first. The first write begins a new one.
  Journal(std::string folder, uint64_t segment_bytes, std::vector<Segment> segments);

  // Writes a frame in one write, not synced; `first` is the index of its first entry.
  // RESOURCE_EXHAUSTED EVIDENCE_DISK_FULL, UNAVAILABLE EVIDENCE_LOG_UNWRITABLE: then nothing of it
  // stays in the file, and a later write may succeed.
  absl::Status Write(Frame* frame, uint64_t first, uint64_t durable);

  // The segment last written to; null before the first write.
  const std::shared_ptr<Segment>& active() const { return active_; }

  // Forgets the segments whose entries all lie before `index`, but for the last that has one of the
  // `durable` first entries: recovery needs one. Returns their paths, oldest first.
  std::vector<std::string> TakeObsolete(uint64_t index, uint64_t durable);

 private:
  absl::Status Begin(uint64_t first);
  // Cuts off what a failed write left.
  absl::Status Cut();

  const std::string folder_;
  const uint64_t segment_bytes_;
  std::vector<std::shared_ptr<Segment>> segments_;
  std::shared_ptr<Segment> active_;
  std::string salt_;
  uint64_t size_ = 0;
  bool dirty_end_ = false;
};

// What the journal of a stopped writer holds.
struct RecoveredJournal {
  uint64_t first = 0;
  uint64_t end = 0;
  std::vector<Batch> batches;  // one per segment
  std::vector<Segment> segments;
};

// Reads what is on the disk (not what the page cache says), drops a torn tail, and syncs.
// `signed_size` entries are in a checkpoint. DATA_LOSS EVIDENCE_LOG_DAMAGED with file and offset
// when an entry that was durable is damaged or missing; UNAVAILABLE EVIDENCE_LOG_UNREADABLE,
// EVIDENCE_LOG_UNWRITABLE.
absl::StatusOr<RecoveredJournal> RecoverJournal(absl::string_view folder, uint64_t signed_size);

}  // namespace lgsp::evidence
