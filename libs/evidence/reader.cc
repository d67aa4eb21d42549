#include "libs/evidence/reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/evidence/file.h"
#include "libs/evidence/limits.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

absl::Status NotCovered(uint64_t wanted, uint64_t size) {
  return MakeError(absl::StatusCode::kOutOfRange, "EVIDENCE_NOT_IN_CHECKPOINT",
                   absl::StrCat("the checkpoint covers ", size, " entries, not ", wanted));
}

// A missing bundle is forgotten when the log says so.
absl::Status Missing(uint64_t minimum, uint64_t index, const absl::Status& status) {
  if (index >= minimum) return status;
  return MakeError(absl::StatusCode::kNotFound, "EVIDENCE_ENTRY_FORGOTTEN",
                   absl::StrCat("entry ", index, " was deleted when its retention ended"),
                   {{"index", absl::StrCat(index)}});
}

}  // namespace

absl::StatusOr<std::string> ReadTileFile(absl::string_view directory, absl::string_view path,
                                         absl::string_view full_path) {
  auto content = ReadWhole(absl::StrCat(directory, "/", path));
  if (path == full_path || !absl::IsNotFound(content.status())) return content;
  return ReadWhole(absl::StrCat(directory, "/", full_path));
}

Reader::Reader(std::string directory, NoteKey verifier)
    : directory_(std::move(directory)), verifier_(std::move(verifier)) {}

absl::StatusOr<SignedCheckpoint> Reader::Latest() {
  SignedCheckpoint out;
  ASSIGN_OR_RETURN(out.note, ReadWhole(absl::StrCat(directory_, "/", kCheckpointFile)));
  absl::MutexLock lock(&mutex_);
  if (out.note == latest_.note) return latest_;
  ASSIGN_OR_RETURN(out.checkpoint, OpenCheckpoint(out.note, verifier_));
  if (out.checkpoint.size < latest_.checkpoint.size) {
    return MakeError(absl::StatusCode::kDataLoss, "EVIDENCE_LOG_ROLLED_BACK",
                     absl::StrCat("the checkpoint went from ", latest_.checkpoint.size, " to ",
                                  out.checkpoint.size, " entries"));
  }
  latest_ = out;
  return out;
}

absl::StatusOr<uint64_t> Reader::Covering(uint64_t size) {
  {
    absl::MutexLock lock(&mutex_);
    if (!latest_.note.empty() && latest_.checkpoint.size >= size) return latest_.checkpoint.size;
  }
  ASSIGN_OR_RETURN(const SignedCheckpoint latest, Latest());
  if (latest.checkpoint.size < size) return NotCovered(size, latest.checkpoint.size);
  return latest.checkpoint.size;
}

uint64_t Reader::MinimumIndex() const {
  const auto minimum = ReadWhole(absl::StrCat(directory_, "/", kMinimumIndexFile));
  return minimum.ok() ? ParseNumber(*minimum, 0) : 0;
}

absl::StatusOr<std::string> Reader::Entry(uint64_t index) {
  ASSIGN_OR_RETURN(std::vector<std::string> entries, Entries(index, 1));
  return std::move(entries[0]);
}

absl::StatusOr<std::vector<std::string>> Reader::Entries(uint64_t from, uint64_t limit) {
  if (from == UINT64_MAX) return NotCovered(from, 0);
  ASSIGN_OR_RETURN(const uint64_t size, Covering(from + 1));
  const uint64_t end = std::min(size, from + std::min(limit, kMaxEntriesPerRead));
  std::vector<std::string> out;
  Hasher hasher;
  for (uint64_t n = from / kTileWidth; n * kTileWidth < end; ++n) {
    const uint64_t width = TileWidth(0, n, size);
    const std::string path = BundlePath(n, width);
    const auto bundle = ReadTileFile(directory_, path, BundlePath(n, kTileWidth));
    if (absl::IsNotFound(bundle.status())) {
      return Missing(MinimumIndex(), std::max(from, n * kTileWidth), bundle.status());
    }
    RETURN_IF_ERROR(bundle.status());
    ASSIGN_OR_RETURN(const std::vector<Hash> hashes, ReadTile(0, n, width));
    absl::string_view rest = *bundle, entry;
    for (uint64_t index = n * kTileWidth; index < std::min(end, n * kTileWidth + width); ++index) {
      if (!TakeEntry(&rest, &entry)) return Damaged(path, bundle->size(), "an entry is cut off");
      if (index < from) continue;
      // What is told of the log must be what is in its tree.
      if (hasher.Leaf(entry) != hashes[index % kTileWidth]) {
        return Damaged(path, bundle->size() - rest.size(), "an entry is not that of its tile");
      }
      out.emplace_back(entry);
    }
  }
  return out;
}

absl::StatusOr<std::vector<Hash>> Reader::ReadTile(int level, uint64_t n, uint64_t width) const {
  const std::string path = TilePath(level, n, width);
  ASSIGN_OR_RETURN(const std::string content,
                   ReadTileFile(directory_, path, TilePath(level, n, kTileWidth)));
  std::vector<Hash> hashes;
  // A full tile begins with the partial one.
  if (ParseTile(absl::string_view(content).substr(0, width * sizeof(Hash)), width, &hashes)) {
    return hashes;
  }
  return Damaged(path, content.size(), "the tile is short");
}

TileNodes Reader::Nodes(uint64_t size) const {
  return TileNodes(
      size, [this](int level, uint64_t n, uint64_t width) { return ReadTile(level, n, width); });
}

absl::StatusOr<std::vector<Hash>> Reader::InclusionProof(uint64_t index, uint64_t size) {
  ASSIGN_OR_RETURN(const uint64_t covered, Covering(size));
  TileNodes nodes = Nodes(covered);
  return evidence::InclusionProof(index, size, nodes.AsReader());
}

absl::StatusOr<std::vector<Hash>> Reader::ConsistencyProof(uint64_t old_size, uint64_t size) {
  ASSIGN_OR_RETURN(const uint64_t covered, Covering(size));
  TileNodes nodes = Nodes(covered);
  return evidence::ConsistencyProof(old_size, size, nodes.AsReader());
}

}  // namespace lgsp::evidence
