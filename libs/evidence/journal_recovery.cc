#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/evidence/crc32c.h"
#include "libs/evidence/journal.h"
#include "libs/evidence/journal_frame.h"
#include "libs/evidence/tiles.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::evidence {
namespace {

constexpr size_t kNameDigits = 20;

bool IsSegmentName(absl::string_view name) {
  return name.size() == kNameDigits && std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
}

// Those of the folder by index. Their unsynced pages are written first, then dropped, so that what
// is read next is what the disk has: a page whose writing failed once counts as clean.
absl::StatusOr<std::vector<Segment>> OpenSegments(absl::string_view folder) {
  std::vector<Segment> segments;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(folder), error)) {
    const std::string name = entry.path().filename().string();
    uint64_t first = 0;
    if (!IsSegmentName(name) || !absl::SimpleAtoi(name, &first)) continue;
    const std::string path = absl::StrCat(folder, "/", name);
    Fd file(open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file.ok() || fdatasync(file.get()) != 0) return WriteError(errno, path);
    posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    segments.push_back({first, path, std::move(file)});
  }
  if (error) return WriteError(error.value(), folder);
  std::sort(segments.begin(), segments.end(),
            [](const Segment& a, const Segment& b) { return a.first < b.first; });
  return segments;
}

// Reads frames until one is not whole.
class Scan {
 public:
  Scan(const Segment& segment, std::string content)
      : content_(std::move(content)), next_(segment.first) {
    const bool head = ParseSegmentHead(content_, segment.first, &salt_);
    if (head) offset_ = kSegmentHeadBytes;
    while (head && TakeFrame()) continue;
  }

  bool whole() const { return offset_ > 0 && offset_ == content_.size(); }
  bool has_head() const { return offset_ > 0; }
  uint64_t offset() const { return offset_; }
  uint64_t next() const { return next_; }
  uint64_t dropped() const { return content_.size() - offset_; }
  Batch TakeBatch() { return std::move(batch_); }

  // How many entries any frame that begins at `from` or behind it says were durable: frames are
  // found by their salt, which stands behind a broken head of the segment, too.
  uint64_t DurableFrom(size_t from) const {
    const absl::string_view content = content_;
    const absl::string_view salt =
        has_head() ? salt_
                   : content.substr(std::min(content.size(), kSegmentHeadBytes), kSaltBytes);
    uint64_t durable = 0;
    if (salt.size() < kSaltBytes) return durable;
    for (size_t at = content.find(salt, from); at != absl::string_view::npos;
         at = content.find(salt, at + 1)) {
      FrameHead head;
      if (ParseFrameHead(content.substr(at), salt, &head))
        durable = std::max(durable, head.durable);
    }
    return durable;
  }

 private:
  bool TakeFrame() {
    const absl::string_view rest = absl::string_view(content_).substr(offset_);
    FrameHead head;
    if (!ParseFrameHead(rest, salt_, &head) || head.first != next_ ||
        rest.size() - kFrameHeadBytes < head.payload_bytes) {
      return false;
    }
    const absl::string_view payload = rest.substr(kFrameHeadBytes, head.payload_bytes);
    if (Crc32c(payload) != head.payload_crc) return false;
    if (!ForEachEntry(payload, head.count, [](absl::string_view) {})) return false;
    batch_.count += head.count;
    batch_.bytes.append(payload.data(), payload.size());
    next_ += head.count;
    offset_ += kFrameHeadBytes + payload.size();
    return true;
  }

  const std::string content_;
  absl::string_view salt_;
  uint64_t offset_ = 0;
  uint64_t next_;
  Batch batch_;
};

// Where the unbroken run of frames ends.
struct End {
  size_t segment = 0;  // the one that is broken
  uint64_t offset = 0;
  uint64_t bytes = 0;    // behind it, in that segment
  uint64_t durable = 0;  // entries that were durable, by what is behind it
};

absl::Status DropTail(const End& end, uint64_t index, absl::string_view folder,
                      std::vector<Segment>* segments) {
  log::Warning("a tail that was never synced is dropped from the evidence journal",
               {{"file", (*segments)[end.segment].path},
                {"offset", static_cast<int64_t>(end.offset)},
                {"bytes", static_cast<int64_t>(end.bytes)},
                {"entry", static_cast<int64_t>(index)}});
  // The last first: a crash in between leaves a tail again, never a hole.
  const size_t keep = end.segment + (end.offset > 0 ? 1 : 0);
  while (segments->size() > keep) {
    if (unlink(segments->back().path.c_str()) != 0) return WriteError(errno, folder);
    segments->pop_back();
  }
  if (end.offset > 0) {
    const Segment& cut = segments->back();
    if (ftruncate(cut.file.get(), static_cast<off_t>(end.offset)) != 0 ||
        fsync(cut.file.get()) != 0) {
      return WriteError(errno, cut.path);
    }
  }
  return absl::OkStatus();
}

absl::Status Lost(absl::string_view path, uint64_t offset, uint64_t index, uint64_t durable) {
  return Damaged(path, offset,
                 absl::StrCat("entry ", index, " is not whole or missing, but ", durable,
                              " entries were durable"));
}

}  // namespace

absl::StatusOr<RecoveredJournal> RecoverJournal(absl::string_view folder, uint64_t signed_size) {
  RecoveredJournal out;
  ASSIGN_OR_RETURN(out.segments, OpenSegments(folder));
  if (out.segments.empty()) {
    if (signed_size > 0) return Damaged(folder, 0, "there is a checkpoint, but no journal");
    return out;
  }
  out.first = out.end = out.segments[0].first;
  if (out.first > signed_size) {
    return Damaged(out.segments[0].path, 0,
                   absl::StrCat("the journal begins behind the checkpoint of ", signed_size));
  }
  std::optional<End> broken;
  for (size_t i = 0; i < out.segments.size(); ++i) {
    const Segment& segment = out.segments[i];
    ASSIGN_OR_RETURN(std::string content, ReadWhole(segment.path));
    Scan scan(segment, std::move(content));
    if (!broken && segment.first == out.end) {
      out.batches.push_back(scan.TakeBatch());
      out.end = scan.next();
      if (!scan.whole())
        broken = End{i, scan.offset(), scan.dropped(), scan.DurableFrom(scan.offset())};
      continue;
    }
    if (!broken) broken = End{i, 0, 0, 0};
    // Whole frames of a segment behind the break count, too.
    broken->durable = std::max(broken->durable, scan.DurableFrom(0));
  }
  const uint64_t durable = std::max(signed_size, broken ? broken->durable : 0);
  if (durable > out.end) {
    const Segment& at = out.segments[broken ? broken->segment : out.segments.size() - 1];
    return Lost(at.path, broken ? broken->offset : 0, out.end, durable);
  }
  if (broken) RETURN_IF_ERROR(DropTail(*broken, out.end, folder, &out.segments));
  out.batches.resize(out.segments.size());
  RETURN_IF_ERROR(SyncFolder(folder));
  return out;
}

}  // namespace lgsp::evidence
