// Verification of a whole log, offline: on a copy, or beside the writer. The verifier trusts the
// log's public key and the anchors alone.
//
// What is found: every entry that does not hash to its place in level 0, every tile that is not
// made of the one below, partial tiles that lie there and contradict, a root other than the signed
// one, a checkpoint that the key did not sign. Anchors (checkpoints of the same log that others
// kept) show what signing cannot: a log cut short, and a log written anew with the same key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/evidence/note.h"

namespace lgsp::evidence {

enum class FindingKind {
  kCheckpointMissing,
  kCheckpointInvalid,  // malformed, not signed by the key, or forged
  kTileMissing,
  kTileMalformed,
  kTileMismatch,  // not what the level below gives
  kEntriesMissing,
  kEntriesMalformed,
  kEntryMismatch,  // not what the tile of level 0 says
  kRootMismatch,
  kAnchorInvalid,
  kTruncated,  // an anchor covers more than the log has
  kFork,       // an anchor is no prefix of the log
  kUnreadable,
};

// `TILE_MISMATCH`.
absl::string_view FindingName(FindingKind kind);

struct Finding {
  FindingKind kind;
  std::string file;    // relative to the log's folder; of an anchor: `anchor <number from 0>`
  uint64_t index = 0;  // the first entry concerned
  std::string what;
};

struct Verification {
  Checkpoint checkpoint;  // of size 0 when it could not be read
  // The content before it was deleted by retention, as the log says: hashes checked. That word is
  // not signed: whoever verifies must know how much may be gone.
  uint64_t minimum_index = 0;
  uint64_t entries_checked = 0;  // hashed again
  uint64_t bytes_checked = 0;
  uint64_t anchors = 0;           // that the log is consistent with
  std::vector<Finding> findings;  // at most kMaxFindings

  bool ok() const { return findings.empty(); }
  // One line: "consistent with 2 anchors", "internally consistent, not anchored", "3 findings".
  std::string Summary() const;
};

// `anchors`: signed notes. Never fails: what cannot be read is a finding.
Verification Verify(absl::string_view directory, const NoteKey& verifier,
                    absl::Span<const std::string> anchors);

}  // namespace lgsp::evidence
