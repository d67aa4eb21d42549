// The file form of a log (C2SP tlog-tiles): paths, bundles, and node hashes read from tiles.
//
//   checkpoint                       signed note: origin, size, root
//   tile/<L>/<N>[.p/<W>]             W (256 when full) hashes of 32 bytes of level L
//   tile/entries/<N>[.p/<W>]         the same entries, each after its length as big-endian uint16
//   minimum-index                    what is before this entry may have been deleted (retention)
//   journal/                         private to the writer: see journal.h
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/evidence/merkle.h"

namespace lgsp::evidence {

inline constexpr absl::string_view kCheckpointFile = "checkpoint";
inline constexpr absl::string_view kMinimumIndexFile = "minimum-index";
inline constexpr absl::string_view kJournalFolder = "journal";
inline constexpr absl::string_view kReplayFile = "journal/replay-from";
inline constexpr absl::string_view kLockFile = "journal/lock";

// Relative to the log's folder. `width`: 1 to 256.
std::string TilePath(int level, uint64_t n, uint64_t width);
std::string BundlePath(uint64_t n, uint64_t width);
// The folder of the partial forms of a tile, given the path of the full one.
std::string PartialsOf(absl::string_view full_path);

// How many hashes tile n of `level` has in a tree of `size` entries; 0 when it has none.
uint64_t TileWidth(int level, uint64_t n, uint64_t size);

// The hashes of a tile as bytes, and back; false when it is not exactly `width` hashes.
absl::string_view TileBytes(absl::Span<const Hash> hashes);
bool ParseTile(absl::string_view content, uint64_t width, std::vector<Hash>* hashes);

// Appends an entry of at most kMaxEntryBytes to a bundle.
void AppendToBundle(absl::string_view entry, std::string* bundle);
// Takes the first entry off a bundle; false when there is no whole one.
bool TakeEntry(absl::string_view* bundle, absl::string_view* entry);
// Calls `entry` for each of exactly `width` entries; false when the bundle has not that form.
bool ForEachEntry(absl::string_view bundle, uint64_t width,
                  absl::FunctionRef<void(absl::string_view entry)> entry);

// Gives the hashes of a tile.
using TileReader =
    std::function<absl::StatusOr<std::vector<Hash>>(int level, uint64_t n, uint64_t width)>;

// Node hashes of a tree of `size`, for proofs. Keeps the tile last read of each level: one object
// per proof. Not thread-safe.
class TileNodes {
 public:
  TileNodes(uint64_t size, TileReader tiles) : size_(size), tiles_(std::move(tiles)) {}

  // As NodeReader. Only complete subtrees of the tree may be asked for.
  absl::StatusOr<Hash> Node(int height, uint64_t index);
  NodeReader AsReader() {
    return [this](int height, uint64_t index) { return Node(height, index); };
  }

 private:
  struct Tile {
    uint64_t n;
    std::vector<Hash> hashes;
  };

  const uint64_t size_;
  const TileReader tiles_;
  std::map<int, Tile> last_;
  Hasher hasher_;
};

// A file of one decimal number and a line break; the number in `text`, or `otherwise`.
std::string NumberText(uint64_t number);
uint64_t ParseNumber(absl::string_view text, uint64_t otherwise);

}  // namespace lgsp::evidence
