#include "services/evidence/growth.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/evidence/tiles.h"
#include "libs/status/status.h"
#include "services/evidence/errors.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {
namespace {

struct FullTile {
  int level;
  uint64_t n;
  std::vector<Hash> hashes;
};

AtomicWriter::Item TileItem(int level, uint64_t n, absl::Span<const Hash> hashes) {
  return {TilePath(level, n, hashes.size()), std::string(TileBytes(hashes))};
}

}  // namespace

Growth::Growth(LogSource* source, TreeEdge edge, Checkpoint trusted)
    : source_(source), edge_(std::move(edge)), trusted_(std::move(trusted)) {}

absl::StatusOr<std::string> Growth::ReadForm(const std::string& path, const std::string& full_path,
                                             FindingKind missing, bool* replaced) {
  auto content = source_->Read(path);
  *replaced = absl::IsNotFound(content.status()) && path != full_path;
  if (*replaced) content = source_->Read(full_path);
  if (absl::IsNotFound(content.status())) return Found(missing, path, "it is missing");
  return content;
}

absl::StatusOr<std::vector<Hash>> Growth::ReadTile(int level, uint64_t n, uint64_t width) {
  const std::string path = TilePath(level, n, width), full_path = TilePath(level, n, kTileWidth);
  bool replaced = false;
  ASSIGN_OR_RETURN(std::string content,
                   ReadForm(path, full_path, FindingKind::kTileMissing, &replaced));
  if (replaced && content.size() == kTileWidth * sizeof(Hash)) content.resize(width * sizeof(Hash));
  std::vector<Hash> hashes;
  if (ParseTile(content, width, &hashes)) return hashes;
  return Found(FindingKind::kTileMalformed, path,
               absl::StrCat(content.size(), " bytes instead of ", width * sizeof(Hash)));
}

absl::StatusOr<std::string> Growth::ReadBundle(uint64_t n, absl::Span<const Hash> hashes) {
  const std::string path = BundlePath(n, hashes.size()), full_path = BundlePath(n, kTileWidth);
  bool replaced = false;
  ASSIGN_OR_RETURN(std::string content,
                   ReadForm(path, full_path, FindingKind::kEntriesMissing, &replaced));
  absl::string_view rest = content, entry;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (!TakeEntry(&rest, &entry)) {
      return Found(FindingKind::kEntriesMalformed, path, "an entry is cut off");
    }
    if (hasher_.Leaf(entry) != hashes[i]) {
      return Found(FindingKind::kEntryMismatch, path,
                   absl::StrCat("entry ", n * kTileWidth + i, " is not that of its tile"));
    }
  }
  // What a full form has beyond is judged when a checkpoint covers it.
  if (!rest.empty() && !replaced) {
    return Found(FindingKind::kEntriesMalformed, path, "there is more than the entries");
  }
  content.resize(content.size() - rest.size());
  return content;
}

absl::Status Growth::CompareTile(int level, uint64_t n, absl::Span<const Hash> hashes) {
  ASSIGN_OR_RETURN(const std::vector<Hash> is, ReadTile(level, n, hashes.size()));
  if (TileBytes(is) == TileBytes(hashes)) return absl::OkStatus();
  return Found(FindingKind::kTileMismatch, TilePath(level, n, hashes.size()),
               "it is not made of the tiles below");
}

absl::Status Growth::Judge(const Checkpoint& next) {
  if (next.size < trusted_.size) {
    return Found(FindingKind::kTruncated, kCheckpointFile,
                 absl::StrCat("it covers ", next.size, " entries, an earlier one ", trusted_.size));
  }
  if (next.size == trusted_.size && next.root != trusted_.root) {
    return Found(FindingKind::kFork, kCheckpointFile,
                 absl::StrCat("another root of ", next.size, " entries was signed before"));
  }
  TreeEdge edge = edge_;
  const auto ignore = [](int, uint64_t, absl::Span<const Hash>) {};
  bool ours = edge.size() != trusted_.size || edge.Root(&hasher_) == trusted_.root;
  std::string changed;
  judged_.clear();
  for (uint64_t n = edge_.size() / kTileWidth; n * kTileWidth < next.size; ++n) {
    const uint64_t width = TileWidth(0, n, next.size);
    ASSIGN_OR_RETURN(const std::vector<Hash> hashes, ReadTile(0, n, width));
    judged_.push_back(hasher_.Root(hashes));
    for (uint64_t i = 0; i < width; ++i) {
      const uint64_t index = n * kTileWidth + i;
      if (index < edge_.size()) {
        if (edge_.level(0)[i] != hashes[i]) changed = TilePath(0, n, width);
        continue;
      }
      edge.Append(hashes[i], &hasher_, ignore);
      if (edge.size() == trusted_.size) ours = ours && edge.Root(&hasher_) == trusted_.root;
    }
  }
  const bool fits = edge.Root(&hasher_) == next.root;
  if (fits && ours && changed.empty()) return absl::OkStatus();
  if (fits && ours) {
    return Found(FindingKind::kTileMismatch, changed, "what is signed in it has been changed");
  }
  return Diagnose(next);
}

absl::Status Growth::Diagnose(const Checkpoint& next) {
  const uint64_t first = edge_.size() / kTileWidth;
  for (uint64_t n = first; (n + 1) * kTileWidth <= next.size; ++n) {
    const uint64_t above = n / kTileWidth;
    ASSIGN_OR_RETURN(const std::vector<Hash> roots,
                     ReadTile(1, above, TileWidth(1, above, next.size)));
    if (roots[n % kTileWidth] != judged_[n - first]) {
      return Found(FindingKind::kTileMismatch, TilePath(0, n, kTileWidth),
                   "its root is not that in the tile above");
    }
  }
  TileNodes nodes(next.size, [this](int level, uint64_t n, uint64_t width) {
    return ReadTile(level, n, width);
  });
  ASSIGN_OR_RETURN(const Hash root, RootAt(next.size, nodes.AsReader()));
  if (root != next.root) {
    const uint64_t last = (next.size - 1) / kTileWidth;
    return Found(FindingKind::kTileMismatch, TilePath(0, last, TileWidth(0, last, next.size)),
                 "it and the tiles above do not give the signed root");
  }
  return Found(FindingKind::kFork, kCheckpointFile,
               absl::StrCat("its first ", trusted_.size, " entries are not those signed before"));
}

absl::Status Growth::Copy(const Checkpoint& next, uint64_t forgotten, const Keep& keep) {
  TreeEdge edge = edge_;
  std::vector<FullTile> full;
  const auto collect = [&](int level, uint64_t n, absl::Span<const Hash> hashes) {
    full.push_back({level, n, {hashes.begin(), hashes.end()}});
  };
  const uint64_t first = edge_.size() / kTileWidth;
  std::vector<AtomicWriter::Item> items;
  for (uint64_t n = first; n * kTileWidth < next.size; ++n) {
    const uint64_t width = TileWidth(0, n, next.size);
    ASSIGN_OR_RETURN(const std::vector<Hash> hashes, ReadTile(0, n, width));
    if (hasher_.Root(hashes) != judged_[n - first]) {
      return Found(FindingKind::kTileMismatch, TilePath(0, n, width),
                   "it changed while it was read");
    }
    auto bundle = ReadBundle(n, hashes);
    if (bundle.ok()) {
      items.push_back({BundlePath(n, width), *std::move(bundle)});
    } else if (ErrorReason(bundle.status()) != FindingName(FindingKind::kEntriesMissing) ||
               n * kTileWidth + width > forgotten) {
      return bundle.status();
    }
    for (uint64_t index = edge.size(); index < n * kTileWidth + width; ++index) {
      edge.Append(hashes[index % kTileWidth], &hasher_, collect);
    }
    for (const FullTile& tile : std::exchange(full, {})) {
      if (tile.level > 0) RETURN_IF_ERROR(CompareTile(tile.level, tile.n, tile.hashes));
      items.push_back(TileItem(tile.level, tile.n, tile.hashes));
    }
    if (items.size() < 2 * kBundlesAtOnce) continue;
    RETURN_IF_ERROR(keep(items));
    items.clear();
  }
  for (int level = 0; level < kMaxLevels; ++level) {
    const absl::Span<const Hash> hashes = edge.level(level);
    if (hashes.empty()) continue;
    const uint64_t n = next.size >> (kTileHeight * (level + 1));
    if (level > 0) RETURN_IF_ERROR(CompareTile(level, n, hashes));
    items.push_back(TileItem(level, n, hashes));
  }
  RETURN_IF_ERROR(keep(items));
  edge_ = std::move(edge);
  trusted_ = next;
  return absl::OkStatus();
}

}  // namespace lgsp::evidence
