#include "libs/evidence/tiles.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

std::string NumberedPath(absl::string_view folder, uint64_t n, uint64_t width) {
  std::string path = absl::StrFormat("%03d", n % 1000);
  for (n /= 1000; n > 0; n /= 1000) path = absl::StrFormat("x%03d/%s", n % 1000, path);
  path = absl::StrCat("tile/", folder, "/", path);
  return width == kTileWidth ? path : absl::StrCat(PartialsOf(path), "/", width);
}

}  // namespace

std::string TilePath(int level, uint64_t n, uint64_t width) {
  return NumberedPath(absl::StrCat(level), n, width);
}

std::string BundlePath(uint64_t n, uint64_t width) { return NumberedPath("entries", n, width); }

std::string PartialsOf(absl::string_view full_path) { return absl::StrCat(full_path, ".p"); }

uint64_t TileWidth(int level, uint64_t n, uint64_t size) {
  const uint64_t hashes = size >> (kTileHeight * level);
  if (hashes / kTileWidth > n) return kTileWidth;
  return hashes / kTileWidth == n ? hashes % kTileWidth : 0;
}

absl::string_view TileBytes(absl::Span<const Hash> hashes) {
  return {reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(Hash)};
}

bool ParseTile(absl::string_view content, uint64_t width, std::vector<Hash>* hashes) {
  if (content.size() != width * sizeof(Hash)) return false;
  hashes->resize(width);
  std::memcpy(hashes->data(), content.data(), content.size());
  return true;
}

void AppendToBundle(absl::string_view entry, std::string* bundle) {
  bundle->push_back(static_cast<char>(entry.size() >> 8));
  bundle->push_back(static_cast<char>(entry.size() & 0xFF));
  bundle->append(entry.data(), entry.size());
}

bool TakeEntry(absl::string_view* bundle, absl::string_view* entry) {
  if (bundle->size() < 2) return false;
  const size_t size =
      size_t{static_cast<uint8_t>((*bundle)[0])} << 8 | static_cast<uint8_t>((*bundle)[1]);
  if (bundle->size() - 2 < size) return false;
  *entry = bundle->substr(2, size);
  bundle->remove_prefix(2 + size);
  return true;
}

bool ForEachEntry(absl::string_view bundle, uint64_t width,
                  absl::FunctionRef<void(absl::string_view entry)> entry) {
  absl::string_view next;
  for (uint64_t i = 0; i < width; ++i) {
    if (!TakeEntry(&bundle, &next)) return false;
    entry(next);
  }
  return bundle.empty();
}

absl::StatusOr<Hash> TileNodes::Node(int height, uint64_t index) {
  const int level = height / kTileHeight;
  const int within = height % kTileHeight;
  const uint64_t first = index << within;
  const uint64_t n = first / kTileWidth;
  const uint64_t width = TileWidth(level, n, size_);
  if (width < first % kTileWidth + (uint64_t{1} << within)) {
    return MakeError(absl::StatusCode::kOutOfRange, "EVIDENCE_NOT_IN_CHECKPOINT",
                     absl::StrCat("the tree of ", size_, " entries has no such node"));
  }
  auto tile = last_.find(level);
  if (tile == last_.end() || tile->second.n != n) {
    ASSIGN_OR_RETURN(std::vector<Hash> hashes, tiles_(level, n, width));
    tile = last_.insert_or_assign(level, Tile{n, std::move(hashes)}).first;
  }
  return hasher_.Root(
      absl::MakeSpan(tile->second.hashes).subspan(first % kTileWidth, size_t{1} << within));
}

std::string NumberText(uint64_t number) { return absl::StrCat(number, "\n"); }

uint64_t ParseNumber(absl::string_view text, uint64_t otherwise) {
  uint64_t number = 0;
  return absl::ConsumeSuffix(&text, "\n") && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

}  // namespace lgsp::evidence
