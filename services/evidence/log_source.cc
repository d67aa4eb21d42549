#include "services/evidence/log_source.h"

#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/evidence/file.h"
#include "libs/evidence/tiles.h"

namespace lgsp::evidence {
namespace {

// A tree has less than 2^56 entries: so many groups of three digits hold the number of a tile.
constexpr size_t kMaxGroups = 6;

}  // namespace

absl::StatusOr<std::string> FolderSource::Checkpoint() {
  return ReadWhole(absl::StrCat(folder_, "/", kCheckpointFile));
}

absl::StatusOr<std::string> FolderSource::Read(absl::string_view path) {
  return ReadWhole(absl::StrCat(folder_, "/", path));
}

bool IsLogPath(absl::string_view path) {
  if (path == kMinimumIndexFile) return true;
  std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  if (parts.size() < 3 || parts.size() > 3 + kMaxGroups || parts[0] != "tile") return false;
  int level = 0;
  const bool bundle = parts[1] == "entries";
  if (!bundle && (!absl::SimpleAtoi(parts[1], &level) || level < 0 || level >= kMaxLevels)) {
    return false;
  }
  uint64_t width = kTileWidth, n = 0;
  if (absl::ConsumeSuffix(&parts[parts.size() - 2], ".p")) {
    if (!absl::SimpleAtoi(parts.back(), &width) || width < 1 || width >= kTileWidth) return false;
    parts.pop_back();
  }
  for (size_t i = 2; i < parts.size(); ++i) {
    uint64_t group = 0;
    absl::ConsumePrefix(&parts[i], "x");
    if (!absl::SimpleAtoi(parts[i], &group) || group > 999) return false;
    n = n * 1000 + group;
  }
  // Whatever was read too generously above is not written so.
  return path == (bundle ? BundlePath(n, width) : TilePath(level, n, width));
}

}  // namespace lgsp::evidence
