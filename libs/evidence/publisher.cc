#include "libs/evidence/publisher.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/evidence/tiles.h"
#include "libs/status/status.h"

namespace lgsp::evidence {

Publisher::Publisher(std::string directory, NoteKey name, keys::SigningKey key, TreeEdge edge)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      key_(std::move(key)),
      writer_(directory_, "tile-"),
      edge_(std::move(edge)),
      tiled_(edge_.size()) {}

void Publisher::AddFullTile(int level, uint64_t n, absl::Span<const Hash> hashes) {
  if (level == 0) {
    // The next one will be about as long.
    std::string next;
    next.reserve(bundle_.size() + bundle_.size() / 8);
    bundle_.swap(next);
    if (n >= first_bundle_) {
      waiting_bytes_ += next.size();
      waiting_.push_back({BundlePath(n, kTileWidth), std::move(next)});
    }
  }
  waiting_.push_back({TilePath(level, n, kTileWidth), std::string(TileBytes(hashes))});
}

void Publisher::Add(absl::string_view entries, const std::function<void(uint64_t size)>& check) {
  const auto full = [this](int level, uint64_t n, absl::Span<const Hash> hashes) {
    AddFullTile(level, n, hashes);
  };
  absl::string_view rest = entries, entry;
  while (TakeEntry(&rest, &entry)) {
    AppendToBundle(entry, &bundle_);
    edge_.Append(hasher_.Leaf(entry), &hasher_, full);
    if (check) check(edge_.size());
  }
}

absl::Status Publisher::WriteFullTiles() {
  if (waiting_.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(writer_.Write(waiting_));
  for (const AtomicWriter::Item& item : waiting_) {
    std::error_code ignored;  // a partial tile that stays does no harm
    std::filesystem::remove_all(absl::StrCat(directory_, "/", PartialsOf(item.path)), ignored);
  }
  waiting_.clear();
  waiting_bytes_ = 0;
  tiled_ = edge_.size() / kTileWidth * kTileWidth;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Publisher::Publish(uint64_t replay_from) {
  std::vector<AtomicWriter::Item> partials;
  for (int level = 0; level < kMaxLevels; ++level) {
    const absl::Span<const Hash> hashes = edge_.level(level);
    if (hashes.empty()) continue;
    const uint64_t n = edge_.size() >> (kTileHeight * (level + 1));
    partials.push_back({TilePath(level, n, hashes.size()), std::string(TileBytes(hashes))});
    if (level == 0) partials.push_back({BundlePath(n, hashes.size()), bundle_});
  }
  RETURN_IF_ERROR(writer_.Write(partials));
  if (replay_from != published_replay_from_) {
    RETURN_IF_ERROR(writer_.Write({{std::string(kReplayFile), NumberText(replay_from)}}));
    published_replay_from_ = replay_from;
  }
  if (!note_.empty() && published_size_ == size()) return note_;
  std::string note = SignCheckpoint({name_.name(), size(), Root()}, name_, key_);
  RETURN_IF_ERROR(writer_.Write({{std::string(kCheckpointFile), note}}));
  note_ = std::move(note);
  published_size_ = size();
  return note_;
}

void Publisher::SetPublished(std::string note, uint64_t size, uint64_t replay_from) {
  note_ = std::move(note);
  published_size_ = size;
  published_replay_from_ = replay_from;
}

}  // namespace lgsp::evidence
