// Reads a log's public files: beside a live writer, without its lock, or from a copy. Nothing that
// the last signed checkpoint does not cover is returned.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "libs/evidence/merkle.h"
#include "libs/evidence/note.h"
#include "libs/evidence/tiles.h"

namespace lgsp::evidence {

struct SignedCheckpoint {
  Checkpoint checkpoint;
  std::string note;  // as it was signed
};

// Thread-safe. Errors of every method: NOT_FOUND EVIDENCE_FILE_MISSING (no log there, or a missing
// tile), UNAVAILABLE EVIDENCE_LOG_UNREADABLE, DATA_LOSS EVIDENCE_LOG_DAMAGED, and those of
// OpenCheckpoint.
class Reader {
 public:
  Reader(std::string directory, NoteKey verifier);

  // The checkpoint that is published now. DATA_LOSS EVIDENCE_LOG_ROLLED_BACK when an earlier call
  // saw a larger one.
  absl::StatusOr<SignedCheckpoint> Latest();

  // The content before it was deleted by retention, as the log says; 0 otherwise.
  uint64_t MinimumIndex() const;

  // An index at or behind the checkpoint: OUT_OF_RANGE EVIDENCE_NOT_IN_CHECKPOINT. One whose
  // content was deleted by retention: NOT_FOUND EVIDENCE_ENTRY_FORGOTTEN.
  absl::StatusOr<std::string> Entry(uint64_t index);
  // Entries from `from` on, at most `limit` and kMaxEntriesPerRead, fewer at the checkpoint's end.
  absl::StatusOr<std::vector<std::string>> Entries(uint64_t from, uint64_t limit);

  // For a tree of `size` entries, at most those of the checkpoint: OUT_OF_RANGE
  // EVIDENCE_NOT_IN_CHECKPOINT. INVALID_ARGUMENT EVIDENCE_PROOF_RANGE.
  absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size);
  absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t old_size, uint64_t size);

 private:
  // The size of a checkpoint that covers `size` entries.
  absl::StatusOr<uint64_t> Covering(uint64_t size);
  absl::StatusOr<std::vector<Hash>> ReadTile(int level, uint64_t n, uint64_t width) const;
  TileNodes Nodes(uint64_t size) const;

  const std::string directory_;
  const NoteKey verifier_;
  absl::Mutex mutex_;
  SignedCheckpoint latest_ ABSL_GUARDED_BY(mutex_);
};

// The file of a tile or bundle whose path is known for its width and when full: the partial form
// may have been replaced by the full one, which begins with it.
absl::StatusOr<std::string> ReadTileFile(absl::string_view directory, absl::string_view path,
                                         absl::string_view full_path);

}  // namespace lgsp::evidence
