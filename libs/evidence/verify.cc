#include "libs/evidence/verify.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/evidence/file.h"
#include "libs/evidence/limits.h"
#include "libs/evidence/merkle.h"
#include "libs/evidence/reader.h"
#include "libs/evidence/tiles.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

// A row of hashes as they should be; empty ones are not known, as what is below is missing.
using Row = std::vector<std::optional<Hash>>;

class Verifier {
 public:
  Verifier(std::string directory, const NoteKey& key, Verification* out)
      : directory_(std::move(directory)), key_(key), out_(*out) {}

  void Run(absl::Span<const std::string> anchors) {
    if (!ReadCheckpoint()) return;
    const uint64_t size = out_.checkpoint.size;
    for (uint64_t n = 0; n * kTileWidth < size && !Full(); ++n) VerifyLeaves(n);
    // The incomplete tiles above; full ones were verified when their last child was.
    for (int level = 1; level < kMaxLevels && !Full(); ++level) {
      const uint64_t n = size >> (kTileHeight * (level + 1));
      if (TileWidth(level, n, size) > 0) VerifyTile(level, n);
    }
    if (Full()) return;
    VerifyRoot();
    for (size_t i = 0; i < anchors.size(); ++i) VerifyAnchor(anchors[i], i);
  }

 private:
  bool Full() const { return out_.findings.size() >= kMaxFindings; }

  void Find(FindingKind kind, absl::string_view file, uint64_t index, absl::string_view what) {
    if (!Full()) out_.findings.push_back({kind, std::string(file), index, std::string(what)});
  }

  bool ReadCheckpoint() {
    const auto note = ReadWhole(absl::StrCat(directory_, "/", kCheckpointFile));
    if (!note.ok()) {
      Find(FindingKind::kCheckpointMissing, kCheckpointFile, 0, note.status().message());
      return false;
    }
    auto checkpoint = OpenCheckpoint(*note, key_);
    if (!checkpoint.ok()) {
      Find(FindingKind::kCheckpointInvalid, kCheckpointFile, 0, checkpoint.status().message());
      return false;
    }
    out_.checkpoint = *std::move(checkpoint);
    // What the log says it forgot can be no more than it has.
    const auto minimum = ReadWhole(absl::StrCat(directory_, "/", kMinimumIndexFile));
    if (minimum.ok()) {
      out_.minimum_index = std::min(ParseNumber(*minimum, 0), out_.checkpoint.size);
    }
    return true;
  }

  // The file at `path`, or at `full_path` when only that is there; nullopt after a finding.
  std::optional<std::string> Read(const std::string& path, const std::string& full_path,
                                  FindingKind missing, uint64_t index) {
    auto content = ReadTileFile(directory_, path, full_path);
    if (content.ok()) return *std::move(content);
    Find(absl::IsNotFound(content.status()) ? missing : FindingKind::kUnreadable, path, index,
         content.status().message());
    return std::nullopt;
  }

  // The hashes of a tile as the file has them; nullopt after a finding.
  std::optional<std::vector<Hash>> ReadTile(int level, uint64_t n, uint64_t width) {
    const std::string path = TilePath(level, n, width);
    const uint64_t first = n << (kTileHeight * (level + 1));
    const std::string full_path = TilePath(level, n, kTileWidth);
    std::optional<std::string> content = Read(path, full_path, FindingKind::kTileMissing, first);
    if (!content) return std::nullopt;
    if (width < kTileWidth) {
      VerifyPartials(full_path, first, *content, width,
                     [](uint64_t piece) { return piece * sizeof(Hash); });
      // Beside a writer, the full tile may have replaced the partial one.
      if (content->size() == kTileWidth * sizeof(Hash)) content->resize(width * sizeof(Hash));
    }
    std::vector<Hash> hashes;
    if (ParseTile(*content, width, &hashes)) return hashes;
    Find(FindingKind::kTileMalformed, path, first,
         absl::StrCat(content->size(), " bytes instead of ", width * sizeof(Hash)));
    return std::nullopt;
  }

  // Partial forms of earlier checkpoints that still lie there must begin what there is now:
  // `content`, whose `width` pieces start at the offsets that `offset_of` gives. Larger ones belong
  // to a checkpoint that is not signed yet.
  void VerifyPartials(absl::string_view full_path, uint64_t index, absl::string_view content,
                      uint64_t width, absl::FunctionRef<uint64_t(uint64_t piece)> offset_of) {
    std::error_code ignored;
    const std::string folder = absl::StrCat(directory_, "/", PartialsOf(full_path));
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      const auto partial = ReadWhole(entry.path().string());
      if (!partial.ok()) continue;  // replaced by the full tile just now
      uint64_t pieces = 0;
      const bool number = absl::SimpleAtoi(name, &pieces) && absl::StrCat(pieces) == name;
      if (number && pieces > width) continue;
      if (!number || *partial != content.substr(0, offset_of(pieces))) {
        Find(FindingKind::kTileMismatch, absl::StrCat(PartialsOf(full_path), "/", name), index,
             "contradicts the present form of the tile");
      }
    }
  }

  // Hashes the entries of bundle n; nothing when they are missing, malformed or forgotten.
  Row HashEntries(uint64_t n, uint64_t width) {
    const uint64_t first = n * kTileWidth;
    const std::string path = BundlePath(n, width), full_path = BundlePath(n, kTileWidth);
    // What is said to be forgotten is judged all the same when it is there: the word is not signed.
    const bool forgotten = first + width <= out_.minimum_index;
    if (forgotten && !IsWhole(full_path)) return {};
    const auto content = Read(path, full_path, FindingKind::kEntriesMissing, first);
    if (!content) return {};
    Row row;
    row.reserve(width);
    offsets_.assign(1, 0);
    absl::string_view rest = *content, entry;
    while (row.size() < width && TakeEntry(&rest, &entry)) {
      row.emplace_back(hasher_.Leaf(entry));
      offsets_.push_back(content->size() - rest.size());
    }
    out_.entries_checked += row.size();
    out_.bytes_checked += offsets_.back();
    if (width < kTileWidth) {
      VerifyPartials(full_path, first, *content, row.size(),
                     [this](uint64_t piece) { return offsets_[piece]; });
    }
    const bool replaced = width < kTileWidth && IsWhole(full_path);
    if (row.size() < width || (!rest.empty() && !replaced)) {
      Find(FindingKind::kEntriesMalformed, path, first + row.size(),
           row.size() < width ? "an entry is cut off" : "there is more than the entries");
    }
    row.resize(width);
    return row;
  }

  bool IsWhole(absl::string_view path) const {
    std::error_code ignored;
    return std::filesystem::exists(absl::StrCat(directory_, "/", path), ignored);
  }

  void VerifyLeaves(uint64_t n) {
    const uint64_t width = TileWidth(0, n, out_.checkpoint.size);
    const Row leaves = HashEntries(n, width);
    Settle(0, n, width, leaves, FindingKind::kEntryMismatch, BundlePath(n, width));
  }

  void VerifyTile(int level, uint64_t n) {
    const uint64_t width = TileWidth(level, n, out_.checkpoint.size);
    const Row row = std::exchange(rows_[static_cast<size_t>(level)], {});
    Settle(level, n, width, row, FindingKind::kTileMismatch, TilePath(level, n, width));
  }

  // Compares a tile's file with what its hashes should be and hands its root up. What the file says
  // goes up, so that each finding is told once, where it is; what should be, when there is no file.
  void Settle(int level, uint64_t n, uint64_t width, const Row& should, FindingKind mismatch,
              const std::string& file) {
    const std::optional<std::vector<Hash>> is = ReadTile(level, n, width);
    const uint64_t first = n << (kTileHeight * (level + 1));
    Row row = should;
    row.resize(width);
    for (uint64_t i = 0; is && i < width; ++i) {
      if (row[i] && *row[i] != (*is)[i]) {
        Find(mismatch, file, first + (i << (kTileHeight * level)),
             level == 0 ? "the entry's hash is not that of its tile"
                        : "the hash is not that of the tile below");
      }
      row[i] = (*is)[i];
    }
    if (width < kTileWidth) {
      rows_[static_cast<size_t>(level)] = std::move(row);
      return;
    }
    Row& above = rows_[static_cast<size_t>(level) + 1];
    above.push_back(RootOf(row));
    if (above.size() == kTileWidth) VerifyTile(level + 1, n / kTileWidth);
  }

  std::optional<Hash> RootOf(const Row& row) {
    hashes_.clear();
    for (const std::optional<Hash>& hash : row) {
      if (!hash) return std::nullopt;
      hashes_.push_back(*hash);
    }
    return hasher_.Root(hashes_);
  }

  void VerifyRoot() {
    std::array<std::vector<Hash>, kMaxLevels> levels;
    for (size_t level = 0; level < levels.size(); ++level) {
      for (const std::optional<Hash>& hash : rows_[level]) {
        if (!hash) return;  // what is missing was found
        levels[level].push_back(*hash);
      }
    }
    const TreeEdge edge(out_.checkpoint.size, std::move(levels));
    if (edge.Root(&hasher_) == out_.checkpoint.root) return;
    Find(FindingKind::kRootMismatch, kCheckpointFile, 0, "the tiles do not give the signed root");
  }

  void VerifyAnchor(absl::string_view note, size_t number) {
    const std::string file = absl::StrCat("anchor ", number);
    const Checkpoint& head = out_.checkpoint;
    const auto anchor = OpenCheckpoint(note, key_);
    if (!anchor.ok()) {
      Find(FindingKind::kAnchorInvalid, file, 0, anchor.status().message());
      return;
    }
    if (anchor->size > head.size) {
      Find(FindingKind::kTruncated, file, head.size,
           absl::StrCat("it covers ", anchor->size, " entries, the log ", head.size));
      return;
    }
    TileNodes nodes(head.size, [this](int level, uint64_t n, uint64_t width) {
      auto tile = ReadTile(level, n, width);
      return tile ? absl::StatusOr<std::vector<Hash>>(*std::move(tile))
                  : absl::StatusOr<std::vector<Hash>>(absl::DataLossError("found already"));
    });
    const auto root = anchor->size == head.size ? absl::StatusOr<Hash>(head.root)
                                                : RootAt(anchor->size, nodes.AsReader());
    if (!root.ok()) return;
    if (*root != anchor->root) {
      Find(FindingKind::kFork, file, anchor->size,
           absl::StrCat("its first ", anchor->size, " entries are not those of the log"));
      return;
    }
    ++out_.anchors;
  }

  const std::string directory_;
  const NoteKey& key_;
  Verification& out_;
  Hasher hasher_;
  std::vector<Hash> hashes_;
  std::vector<uint64_t> offsets_;
  std::array<Row, kMaxLevels + 1> rows_;  // of the tile at the right edge of each level
};

}  // namespace

absl::string_view FindingName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kCheckpointMissing:
      return "CHECKPOINT_MISSING";
    case FindingKind::kCheckpointInvalid:
      return "CHECKPOINT_INVALID";
    case FindingKind::kTileMissing:
      return "TILE_MISSING";
    case FindingKind::kTileMalformed:
      return "TILE_MALFORMED";
    case FindingKind::kTileMismatch:
      return "TILE_MISMATCH";
    case FindingKind::kEntriesMissing:
      return "ENTRIES_MISSING";
    case FindingKind::kEntriesMalformed:
      return "ENTRIES_MALFORMED";
    case FindingKind::kEntryMismatch:
      return "ENTRY_MISMATCH";
    case FindingKind::kRootMismatch:
      return "ROOT_MISMATCH";
    case FindingKind::kAnchorInvalid:
      return "ANCHOR_INVALID";
    case FindingKind::kTruncated:
      return "TRUNCATED";
    case FindingKind::kFork:
      return "FORK";
    case FindingKind::kUnreadable:
      return "UNREADABLE";
  }
  return "UNKNOWN";
}

std::string Verification::Summary() const {
  if (!findings.empty()) return absl::StrCat(findings.size(), " findings");
  const std::string forgotten =
      minimum_index == 0
          ? ""
          : absl::StrCat(", the content of the first ", minimum_index, " entries is deleted");
  if (anchors == 0) return absl::StrCat("internally consistent, not anchored", forgotten);
  return absl::StrCat("consistent with ", anchors, anchors == 1 ? " anchor" : " anchors",
                      forgotten);
}

Verification Verify(absl::string_view directory, const NoteKey& verifier,
                    absl::Span<const std::string> anchors) {
  Verification out;
  Verifier(std::string(directory), verifier, &out).Run(anchors);
  return out;
}

}  // namespace lgsp::evidence
