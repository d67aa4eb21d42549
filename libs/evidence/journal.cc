#include "libs/evidence/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/evidence/crc32c.h"
#include "libs/evidence/journal_frame.h"
#include "libs/evidence/tiles.h"
#include "libs/keys/digest.h"
#include "libs/status/status.h"

namespace lgsp::evidence {

void Frame::Encode(absl::Span<const absl::string_view> entries) {
  bytes.assign(kFrameHeadBytes, '\0');
  for (const absl::string_view entry : entries) AppendToBundle(entry, &bytes);
  count = entries.size();
  payload_crc = Crc32c(payload());
}

absl::string_view Frame::payload() const {
  return absl::string_view(bytes).substr(kFrameHeadBytes);
}

Journal::Journal(std::string folder, uint64_t segment_bytes, std::vector<Segment> segments)
    : folder_(std::move(folder)), segment_bytes_(segment_bytes) {
  for (Segment& segment : segments) {
    segments_.push_back(std::make_shared<Segment>(std::move(segment)));
  }
}

absl::Status Journal::Begin(uint64_t first) {
  const std::string path = absl::StrCat(folder_, "/", absl::StrFormat("%020d", first));
  // One of this name, left by recovery, holds no entry.
  Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.ok()) return WriteError(errno, path);
  std::string salt = keys::RandomBytes(kSaltBytes);
  if (absl::Status status = WriteAt(file.get(), SegmentHead(salt, first), 0, path); !status.ok()) {
    unlink(path.c_str());
    return status;
  }
  if (!segments_.empty() && segments_.back()->first == first) segments_.pop_back();
  active_ = std::make_shared<Segment>(Segment{first, path, std::move(file)});
  segments_.push_back(active_);
  salt_ = std::move(salt);
  size_ = kSegmentHeadBytes;
  return absl::OkStatus();
}

absl::Status Journal::Cut() {
  if (!dirty_end_) return absl::OkStatus();
  if (ftruncate(active_->file.get(), static_cast<off_t>(size_)) != 0) {
    return WriteError(errno, active_->path);
  }
  dirty_end_ = false;
  return absl::OkStatus();
}

absl::Status Journal::Write(Frame* frame, uint64_t first, uint64_t durable) {
  RETURN_IF_ERROR(Cut());
  if (active_ == nullptr || size_ >= segment_bytes_) RETURN_IF_ERROR(Begin(first));
  PutFrameHead(salt_,
               {.first = first,
                .durable = durable,
                .count = static_cast<uint32_t>(frame->count),
                .payload_bytes = static_cast<uint32_t>(frame->payload().size()),
                .payload_crc = frame->payload_crc},
               frame->bytes.data());
  absl::Status status = WriteAt(active_->file.get(), frame->bytes, size_, active_->path);
  if (status.ok()) {
    size_ += frame->bytes.size();
  } else {
    dirty_end_ = true;
    // What cannot be cut off now is cut off before the next write.
    Cut().IgnoreError();
  }
  return status;
}

std::vector<std::string> Journal::TakeObsolete(uint64_t index, uint64_t durable) {
  std::vector<std::string> paths;
  while (segments_.size() > 1 && segments_[1]->first <= index && segments_[1]->first < durable) {
    paths.push_back(segments_[0]->path);
    segments_.erase(segments_.begin());
  }
  return paths;
}

}  // namespace lgsp::evidence
