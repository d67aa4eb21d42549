#include "services/evidence/anchors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "libs/config/config.h"
#include "libs/status/status.h"
#include "services/evidence/limits.h"

namespace lgsp::evidence {

absl::StatusOr<std::unique_ptr<Anchors>> Anchors::Open(const std::string& path, const NoteKey& key,
                                                       const Clock* clock) {
  std::unique_ptr<Anchors> anchors(new Anchors(path, clock));
  RETURN_IF_ERROR(MakeFolders(config::FolderOf(path)));
  anchors->file_ = Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!anchors->file_.ok()) return WriteError(errno, path);
  RETURN_IF_ERROR(SyncFolder(config::FolderOf(path)));
  ASSIGN_OR_RETURN(const std::string content, ReadWhole(path));
  anchors->newest_at_start_ = {key.name(), 0, Hasher().Root({})};
  const std::vector<std::string> notes = SplitNotes(content);
  absl::MutexLock lock(&anchors->mutex_);
  for (size_t i = 0; i < notes.size(); ++i) {
    auto checkpoint = OpenCheckpoint(notes[i], key);
    if (!checkpoint.ok() && i + 1 < notes.size()) {
      return Damaged(path, anchors->offsets_.back(), checkpoint.status().message());
    }
    if (!checkpoint.ok()) break;
    anchors->newest_at_start_ = *std::move(checkpoint);
    anchors->newest_ = notes[i];
    anchors->offsets_.push_back(anchors->offsets_.back() + notes[i].size());
  }
  const auto end = static_cast<off_t>(anchors->offsets_.back());
  if (ftruncate(anchors->file_.get(), end) != 0) return WriteError(errno, path);
  return anchors;
}

absl::Status Anchors::Add(absl::string_view note) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = clock_->SecurityNow();
  if (note == newest_ || now < last_ + kAnchorInterval) return absl::OkStatus();
  RETURN_IF_ERROR(WriteAt(file_.get(), note, offsets_.back(), path_));
  if (fdatasync(file_.get()) != 0) return WriteError(errno, path_);
  offsets_.push_back(offsets_.back() + note.size());
  newest_ = std::string(note);
  last_ = now;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Anchors::List(uint64_t from, uint64_t limit) {
  std::vector<uint64_t> offsets;
  {
    absl::MutexLock lock(&mutex_);
    const uint64_t count = offsets_.size() - 1;
    const uint64_t begin = std::min(from, count), end = begin + std::min(limit, count - begin);
    offsets.assign(offsets_.begin() + static_cast<ptrdiff_t>(begin),
                   offsets_.begin() + static_cast<ptrdiff_t>(end) + 1);
  }
  ASSIGN_OR_RETURN(const std::string content, ReadWhole(path_));
  std::vector<std::string> notes;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    notes.push_back(content.substr(offsets[i], offsets[i + 1] - offsets[i]));
  }
  return notes;
}

}  // namespace lgsp::evidence
