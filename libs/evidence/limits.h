// The named limits of an evidence log.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace lgsp::evidence {

// The length of an entry is a uint16 in the bundle.
inline constexpr size_t kMaxEntryBytes = 65535;
// What one Append may write, so that one frame of the journal fits in memory and in a buffer.
inline constexpr size_t kMaxAppendBytes = 4 << 20;
// A segment of the journal is left for a new one above this.
inline constexpr uint64_t kSegmentBytes = 16 << 20;
// Written and not yet synced: more than a disk takes in a second means that it no longer answers.
inline constexpr uint64_t kMaxUnsyncedBytes = 64 << 20;
// Appended and not yet in full tiles on the disk; held in memory until then.
inline constexpr uint64_t kMaxBacklogBytes = 256 << 20;
// As much makes the signer write full tiles before its second is over.
inline constexpr uint64_t kTileBatchBytes = 4 << 20;
// Files that are synced one by one; more are synced with all that the disk has.
inline constexpr size_t kMaxSyncedAlone = 8;
// How often a checkpoint is signed at most, and a failed publication tried again.
inline constexpr absl::Duration kCheckpointInterval = absl::Seconds(1);

// A file of a log: a bundle of the largest entries, or a segment with its last frame.
inline constexpr uint64_t kMaxFileBytes = 32 << 20;

// An origin is also the name of the key.
inline constexpr size_t kMaxOriginBytes = 255;
// A checkpoint with the signatures of many witnesses; the standard demands room for 16.
inline constexpr size_t kMaxNoteBytes = 128 << 10;
inline constexpr size_t kMaxNoteSignatures = 100;

// What one call of a reader returns.
inline constexpr uint64_t kMaxEntriesPerRead = 4096;
// A verification stops looking after as many findings: the log is lost by then.
inline constexpr size_t kMaxFindings = 1000;

}  // namespace lgsp::evidence
