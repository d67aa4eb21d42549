#include "services/evidence/mirror.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lgsp/evidence/v1/record.pb.h"
#include "libs/clock/timestamp.h"
#include "libs/config/config.h"
#include "libs/evidence/tiles.h"
#include "libs/keys/digest.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/evidence/errors.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {
namespace {

namespace fs = std::filesystem;

constexpr FindingKind kKinds[] = {FindingKind::kCheckpointMissing, FindingKind::kCheckpointInvalid,
                                  FindingKind::kTruncated,         FindingKind::kFork,
                                  FindingKind::kTileMissing,       FindingKind::kTileMalformed,
                                  FindingKind::kTileMismatch,      FindingKind::kEntriesMissing,
                                  FindingKind::kEntriesMalformed,  FindingKind::kEntryMismatch};
constexpr size_t kHashDigits = 16;

double UnixNow(const Clock& clock) {
  return absl::ToDoubleSeconds(clock.SecurityNow() - absl::UnixEpoch());
}

// The edge of the mirrored tree of `size`, from its incomplete tiles.
absl::StatusOr<TreeEdge> EdgeAt(absl::string_view folder, uint64_t size) {
  std::array<std::vector<Hash>, kMaxLevels> levels;
  for (int level = 0; level < kMaxLevels; ++level) {
    const uint64_t n = size >> (kTileHeight * (level + 1));
    const uint64_t width = TileWidth(level, n, size);
    if (width == 0) continue;
    const std::string path = TilePath(level, n, width);
    // A kill may have left the full form before its checkpoint.
    const auto content = ReadTileFile(folder, path, TilePath(level, n, kTileWidth));
    if (!content.ok() || !ParseTile(absl::string_view(*content).substr(0, width * sizeof(Hash)),
                                    width, &levels[static_cast<size_t>(level)])) {
      return Damaged(path, 0, "of the mirror; move its folder away, and it is filled anew");
    }
  }
  return TreeEdge(size, std::move(levels));
}

}  // namespace

std::string LogFileName(absl::string_view origin) {
  std::string name(origin);
  for (char& c : name) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '-') c = '_';
  }
  return absl::StrCat(name, "-", keys::Hex(keys::Sha256(origin)).substr(0, kHashDigits));
}

Mirror* FindMirror(const Mirrors& mirrors, absl::string_view origin) {
  for (const auto& mirror : mirrors) {
    if (mirror->origin() == origin) return mirror.get();
  }
  return nullptr;
}

absl::Time RecordTime(absl::string_view entry) {
  lgsp::evidence::v1::Record record;
  if (!record.ParseFromArray(entry.data(), static_cast<int>(entry.size()))) {
    return absl::InfinitePast();
  }
  if (record.has_intent()) return ToTime(record.intent().time());
  if (record.has_outcome()) return ToTime(record.outcome().time());
  return ToTime(record.progress().time());
}

Mirror::Mirror(const NoteKey& key, MirrorOptions options, std::unique_ptr<Anchors> anchors)
    : key_(key),
      options_(std::move(options)),
      name_(LogFileName(key.name())),
      folder_(absl::StrCat(options_.directory, "/logs/", name_)),
      anchors_(std::move(anchors)),
      writer_(folder_, "mirror-"),
      reader_(folder_, key),
      size_(options_.metrics->GetGauge(
          "evidence_mirror_size", "Entries of a log that are mirrored.", {{"log", key.name()}})),
      stopped_(options_.metrics->GetGauge(
          "evidence_mirror_stopped",
          "1 while the source of a log shows what does not fit what was signed before.",
          {{"log", key.name()}})),
      heard_time_(options_.metrics->GetGauge("evidence_mirror_heard_time_seconds",
                                             "When the source of a log last answered; before that, "
                                             "when the service began.",
                                             {{"log", key.name()}})) {
  for (const FindingKind kind : kKinds) {
    const std::string name(FindingName(kind));
    findings_[name] = options_.metrics->GetCounter(
        "evidence_findings_total", "What the source of a log has shown and should not have.",
        {{"log", key.name()}, {"kind", name}});
  }
  heard_time_.Set(UnixNow(*options_.clock));
}

absl::StatusOr<std::unique_ptr<Mirror>> Mirror::Open(const NoteKey& key, MirrorOptions options) {
  const std::string name = LogFileName(key.name());
  ASSIGN_OR_RETURN(auto anchors, Anchors::Open(absl::StrCat(options.directory, "/anchors/", name),
                                               key, options.clock));
  std::unique_ptr<Mirror> mirror(new Mirror(key, std::move(options), std::move(anchors)));
  RETURN_IF_ERROR(MakeFolders(absl::StrCat(mirror->folder_, "/", kJournalFolder)));
  RETURN_IF_ERROR(MakeFolders(absl::StrCat(mirror->options_.directory, "/findings")));
  RETURN_IF_ERROR(mirror->Load());
  return mirror;
}

absl::Status Mirror::Load() {
  Checkpoint mirrored = {key_.name(), 0, Hasher().Root({})};
  auto note = ReadWhole(absl::StrCat(folder_, "/", kCheckpointFile));
  if (note.ok()) {
    note_ = *std::move(note);
    ASSIGN_OR_RETURN(mirrored, OpenCheckpoint(note_, key_));
  } else if (!absl::IsNotFound(note.status())) {
    return note.status();
  }
  ASSIGN_OR_RETURN(TreeEdge edge, EdgeAt(folder_, mirrored.size));
  Hasher hasher;
  if (edge.Root(&hasher) != mirrored.root) {
    return Damaged(kCheckpointFile, 0,
                   "of the mirror; move its folder away, and it is filled anew");
  }
  size_.Set(static_cast<double>(mirrored.size));
  const Checkpoint& anchor = anchors_->newest_at_start();
  growth_ = std::make_unique<Growth>(options_.source.get(), std::move(edge),
                                     anchor.size > mirrored.size ? anchor : mirrored);
  return absl::OkStatus();
}

absl::Status Mirror::Poll() {
  absl::Status status = Take();
  if (status.ok()) status = Recheck();
  if (status.ok() && !note_.empty()) status = anchors_->Add(note_);
  Note(status);
  return status;
}

absl::Status Mirror::Take() {
  auto note = options_.source->Checkpoint();
  if (absl::IsNotFound(note.status())) {
    // A gateway that has not begun yet.
    if (growth_->trusted().size == 0) return absl::OkStatus();
    offered_.clear();
    return Found(FindingKind::kCheckpointMissing, kCheckpointFile, "it is missing");
  }
  RETURN_IF_ERROR(note.status());
  offered_ = *std::move(note);
  if (offered_ == note_) return absl::OkStatus();
  const auto next = OpenCheckpoint(offered_, key_);
  if (!next.ok()) {
    return Found(FindingKind::kCheckpointInvalid, kCheckpointFile, next.status().message());
  }
  RETURN_IF_ERROR(Grow(*next));
  note_ = offered_;
  size_.Set(static_cast<double>(next->size));
  return absl::OkStatus();
}

absl::Status Mirror::Grow(const Checkpoint& next) {
  RETURN_IF_ERROR(growth_->Judge(next));
  uint64_t forgotten = 0;
  if (note_.empty()) {
    // What its retention had ended for before the mirror began cannot be had any more.
    const auto minimum = options_.source->Read(kMinimumIndexFile);
    if (!minimum.ok() && !absl::IsNotFound(minimum.status())) return minimum.status();
    forgotten = minimum.ok() ? std::min(ParseNumber(*minimum, 0), next.size) : 0;
    forgotten -= forgotten % kTileWidth;
    if (forgotten > 0)
      RETURN_IF_ERROR(Keep({{std::string(kMinimumIndexFile), NumberText(forgotten)}}));
  }
  RETURN_IF_ERROR(
      growth_->Copy(next, forgotten, [this](const auto& items) { return Keep(items); }));
  return Keep({{std::string(kCheckpointFile), offered_}});
}

absl::Status Mirror::Keep(const std::vector<AtomicWriter::Item>& items) {
  RETURN_IF_ERROR(writer_.Write(items));
  for (const AtomicWriter::Item& item : items) {
    std::error_code ignored;  // a partial form that stays does no harm
    fs::remove_all(absl::StrCat(folder_, "/", PartialsOf(item.path)), ignored);
  }
  return absl::OkStatus();
}

absl::Status Mirror::Recheck() {
  const uint64_t full = growth_->edge().size() / kTileWidth;
  for (int i = 0; i < kRecheckedBundles && static_cast<uint64_t>(i) < full; ++i) {
    if (rechecked_ >= full) rechecked_ = 0;
    RETURN_IF_ERROR(CompareBundle(rechecked_));
    ++rechecked_;
  }
  return absl::OkStatus();
}

absl::Status Mirror::CompareBundle(uint64_t n) {
  // The tile of the entries, and those above that it completed.
  uint64_t number = n;
  for (int level = 0; level < kMaxLevels; ++level, number /= kTileWidth) {
    RETURN_IF_ERROR(Compare(TilePath(level, number, kTileWidth), FindingKind::kTileMissing,
                            FindingKind::kTileMismatch));
    if (number % kTileWidth != kTileWidth - 1) break;
  }
  if (n * kTileWidth < reader_.MinimumIndex()) return absl::OkStatus();
  const absl::Status same =
      Compare(BundlePath(n, kTileWidth), FindingKind::kEntriesMissing, FindingKind::kEntryMismatch);
  if (ErrorReason(same) != FindingName(FindingKind::kEntriesMissing)) return same;
  // Its retention may have ended at the source: then the source says so.
  const auto minimum = options_.source->Read(kMinimumIndexFile);
  const bool forgotten = minimum.ok() && n * kTileWidth < ParseNumber(*minimum, 0);
  return forgotten ? absl::OkStatus() : same;
}

absl::Status Mirror::Compare(const std::string& path, FindingKind missing, FindingKind mismatch) {
  const auto theirs = options_.source->Read(path);
  if (absl::IsNotFound(theirs.status())) return Found(missing, path, "it was there before");
  RETURN_IF_ERROR(theirs.status());
  ASSIGN_OR_RETURN(const std::string ours, ReadWhole(absl::StrCat(folder_, "/", path)));
  return *theirs == ours ? absl::OkStatus() : Found(mismatch, path, "it was another before");
}

void Mirror::Note(const absl::Status& status) {
  const bool finding = absl::IsDataLoss(status);
  if (finding || status.ok()) heard_time_.Set(UnixNow(*options_.clock));
  stopped_.Set(finding ? 1 : 0);
  // Told once, however long it stands.
  if (status == standing_) return;
  standing_ = status;
  if (status.ok()) {
    log::Info("the mirror of a log goes on", {{"log", origin()}});
  } else if (!finding) {
    log::Warning("a log cannot be mirrored now", {{"log", origin()}, {"status", status}});
  } else {
    const std::string kind = ErrorReason(status);
    log::Error("a log does not hold: its mirror stops", {{"log", origin()}, {"status", status}});
    findings_[kind].Add();
    KeepFinding(kind);
  }
}

void Mirror::KeepFinding(absl::string_view kind) const {
  const std::string folder = absl::StrCat(options_.directory, "/findings");
  std::error_code ignored;
  size_t kept = 0;
  for (const auto& file : fs::directory_iterator(folder, ignored)) kept += file.is_regular_file();
  const std::string path = absl::StrCat(folder, "/", name_, "-", kind, "-",
                                        keys::Hex(keys::Sha256(offered_)).substr(0, kHashDigits));
  if (kept >= kMaxKeptFindings || fs::exists(path, ignored)) return;
  const absl::Status written = config::WriteFile(path, offered_);
  if (!written.ok()) log::Error("a finding is not kept", {{"status", written}});
}

absl::Status Mirror::Forget(absl::Time before) {
  const uint64_t minimum = reader_.MinimumIndex() / kTileWidth;
  // Records stand in the order of their time but for moments. The last bundle that begins before
  // `before` may hold later ones: it stays.
  uint64_t low = minimum, high = growth_->edge().size() / kTileWidth;
  while (low + 1 < high) {
    const uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const std::string entry, reader_.Entry(middle * kTileWidth));
    (RecordTime(entry) < before ? low : high) = middle;
  }
  if (low == minimum) return absl::OkStatus();
  // First the word, then the deed: a bundle that is missing is always explained.
  RETURN_IF_ERROR(Keep({{std::string(kMinimumIndexFile), NumberText(low * kTileWidth)}}));
  for (uint64_t n = minimum; n < low; ++n) {
    const std::string path = absl::StrCat(folder_, "/", BundlePath(n, kTileWidth));
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return WriteError(errno, path);
  }
  return absl::OkStatus();
}

}  // namespace lgsp::evidence
