// How a log is opened: what a stopped or killed writer left is made whole, or refused.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/evidence/log.h"
#include "libs/evidence/tiles.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

absl::StatusOr<Fd> Lock(absl::string_view directory) {
  const std::string path = absl::StrCat(directory, "/", kLockFile);
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.ok()) return WriteError(errno, path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return WriteError(errno, path);
  return MakeError(absl::StatusCode::kFailedPrecondition, "EVIDENCE_LOG_IN_USE",
                   absl::StrCat(directory, " has another writer"), {{"directory", directory}});
}

void RemoveTemporaryFiles(absl::string_view directory) {
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat(directory, "/", kJournalFolder), ignored)) {
    if (absl::StartsWith(entry.path().filename().string(), kTemporaryPrefix)) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

// The content of a file; empty when there is none.
absl::StatusOr<std::string> ReadIfThere(absl::string_view directory, absl::string_view file) {
  auto content = ReadWhole(absl::StrCat(directory, "/", file));
  if (absl::IsNotFound(content.status())) return std::string();
  return content;
}

// The checkpoint in `note`, or an empty log when there is none.
absl::StatusOr<Checkpoint> LastCheckpoint(absl::string_view note, absl::string_view directory,
                                          const NoteKey& verifier) {
  const std::string file = absl::StrCat(directory, "/", kCheckpointFile);
  if (note.empty() && access(file.c_str(), F_OK) == 0) {
    return Damaged(kCheckpointFile, 0, "it is empty");
  }
  if (note.empty()) return Checkpoint{verifier.name(), 0, Hasher().Root({})};
  auto checkpoint = OpenCheckpoint(note, verifier);
  if (ErrorReason(checkpoint.status()) == "EVIDENCE_CHECKPOINT_UNSIGNED") {
    return MakeError(absl::StatusCode::kFailedPrecondition, "EVIDENCE_LOG_FOREIGN",
                     absl::StrCat(directory, " is the log of another origin or key"));
  }
  if (checkpoint.ok()) return checkpoint;
  return Damaged(kCheckpointFile, 0, checkpoint.status().message());
}

absl::StatusOr<std::vector<Hash>> ReadFullTile(absl::string_view directory, int level, uint64_t n) {
  const std::string file = TilePath(level, n, kTileWidth);
  ASSIGN_OR_RETURN(const std::string content, ReadIfThere(directory, file));
  std::vector<Hash> hashes;
  if (!ParseTile(content, kTileWidth, &hashes)) {
    return Damaged(file, content.size(), "a full tile is missing or short");
  }
  return hashes;
}

// The edge at `size`, a multiple of 256, from full tiles alone.
absl::StatusOr<TreeEdge> EdgeAt(absl::string_view directory, uint64_t size) {
  Hasher hasher;
  std::array<std::vector<Hash>, kMaxLevels> levels;
  for (int level = 1; level < kMaxLevels; ++level) {
    const uint64_t hashes = size >> (kTileHeight * level);
    for (uint64_t i = hashes / kTileWidth * kTileWidth; i < hashes; ++i) {
      ASSIGN_OR_RETURN(const std::vector<Hash> below, ReadFullTile(directory, level - 1, i));
      levels[static_cast<size_t>(level)].push_back(hasher.Root(below));
    }
  }
  return TreeEdge(size, std::move(levels));
}

// Puts what the journal holds from the tree's edge on into the tree, and compares its root with
// the checkpoint on the way.
absl::Status Grow(const RecoveredJournal& journal, const Checkpoint& checkpoint,
                  Publisher* publisher) {
  uint64_t skip = publisher->size() - journal.first;
  bool same = publisher->size() != checkpoint.size || publisher->Root() == checkpoint.root;
  for (const Batch& batch : journal.batches) {
    absl::string_view entries = batch.bytes, entry;
    uint64_t left = batch.count;
    for (; skip > 0 && left > 0; --skip, --left) TakeEntry(&entries, &entry);
    publisher->Add(entries, [&](uint64_t size) {
      if (size == checkpoint.size) same = publisher->Root() == checkpoint.root;
    });
  }
  if (same) return absl::OkStatus();
  return Damaged(kCheckpointFile, 0, "tiles and journal do not give the root that was signed");
}

// Calls options.replay for each entry from `from` on: from bundles, then from the journal.
absl::Status Replay(const LogOptions& options, uint64_t from, const RecoveredJournal& journal) {
  if (!options.replay) return absl::OkStatus();
  for (uint64_t n = from / kTileWidth; n * kTileWidth < journal.first; ++n) {
    const std::string file = BundlePath(n, kTileWidth);
    ASSIGN_OR_RETURN(const std::string bundle, ReadIfThere(options.directory, file));
    uint64_t index = n * kTileWidth;
    const bool whole = ForEachEntry(bundle, kTileWidth, [&](absl::string_view entry) {
      if (index >= from && index < journal.first) options.replay(index, entry);
      ++index;
    });
    if (!whole) return Damaged(file, 0, "a bundle that must be replayed is missing or malformed");
  }
  uint64_t index = journal.first;
  for (const Batch& batch : journal.batches) {
    ForEachEntry(batch.bytes, batch.count, [&](absl::string_view entry) {
      if (index >= from) options.replay(index, entry);
      ++index;
    });
  }
  return absl::OkStatus();
}

// Deletes what a Forget that was killed left: its last bundles.
void FinishForgetting(absl::string_view directory, uint64_t minimum_index) {
  for (uint64_t n = minimum_index / kTileWidth; n > 0; --n) {
    if (unlink(absl::StrCat(directory, "/", BundlePath(n - 1, kTileWidth)).c_str()) != 0) return;
  }
}

}  // namespace

absl::StatusOr<Log::Recovered> Log::Recover(const LogOptions& options, const NoteKey& verifier) {
  const std::string& directory = options.directory;
  const std::string folder = absl::StrCat(directory, "/", kJournalFolder);
  Recovered out;
  RETURN_IF_ERROR(MakeFolders(folder));
  RETURN_IF_ERROR(SyncFolder(directory));
  ASSIGN_OR_RETURN(out.lock, Lock(directory));
  RemoveTemporaryFiles(directory);
  ASSIGN_OR_RETURN(out.note, ReadIfThere(directory, kCheckpointFile));
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, LastCheckpoint(out.note, directory, verifier));
  ASSIGN_OR_RETURN(const std::string replay, ReadIfThere(directory, kReplayFile));
  ASSIGN_OR_RETURN(const std::string minimum, ReadIfThere(directory, kMinimumIndexFile));
  ASSIGN_OR_RETURN(RecoveredJournal journal, RecoverJournal(folder, checkpoint.size));
  if (journal.segments.empty() && access(absl::StrCat(directory, "/tile").c_str(), F_OK) == 0) {
    return Damaged(kJournalFolder, 0, "there are tiles, but no journal");
  }
  // Segments are deleted when full tiles hold their entries, so that those before this are there.
  const uint64_t base = (journal.first + kTileWidth - 1) / kTileWidth * kTileWidth;
  if (base > checkpoint.size) {
    return Damaged(journal.segments[0].path, 0, "the journal begins behind the checkpoint");
  }
  ASSIGN_OR_RETURN(TreeEdge edge, EdgeAt(directory, base));
  out.publisher = std::make_unique<Publisher>(directory, verifier, options.key, std::move(edge));
  out.minimum_index = ParseNumber(minimum, 0);
  out.publisher->SetForgotten(out.minimum_index);
  RETURN_IF_ERROR(Grow(journal, checkpoint, out.publisher.get()));
  out.size = journal.end;
  out.signed_size = checkpoint.size;
  out.replay_from = std::min(ParseNumber(replay, 0), out.size);
  out.publisher->SetPublished(out.note, checkpoint.size, out.replay_from);
  RETURN_IF_ERROR(Replay(options, std::max(out.replay_from, out.minimum_index), journal));
  FinishForgetting(directory, out.minimum_index);
  out.segments = std::move(journal.segments);
  return out;
}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(LogOptions options) {
  ASSIGN_OR_RETURN(NoteKey verifier, NoteKey::Of(options.origin, options.key));
  ASSIGN_OR_RETURN(Recovered recovered, Recover(options, verifier));
  return std::unique_ptr<Log>(
      new Log(std::move(options), std::move(verifier), std::move(recovered)));
}

}  // namespace lgsp::evidence
