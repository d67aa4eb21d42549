#include "libs/evidence/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/evidence/limits.h"
#include "libs/evidence/tiles.h"
#include "libs/log/log.h"
#include "libs/status/status.h"

namespace lgsp::evidence {

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

absl::Status WriteError(int error, absl::string_view path) {
  const std::string text = absl::StrCat(path, ": ", std::strerror(error));
  // EFBIG: a limit on the size of files is a disk that is full, too.
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return MakeError(absl::StatusCode::kResourceExhausted, "EVIDENCE_DISK_FULL", text,
                     {{"file", path}});
  }
  return MakeError(absl::StatusCode::kUnavailable, "EVIDENCE_LOG_UNWRITABLE", text,
                   {{"file", path}});
}

absl::Status Damaged(absl::string_view file, uint64_t offset, absl::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "EVIDENCE_LOG_DAMAGED",
                   absl::StrCat(file, " is damaged at byte ", offset, ": ", what),
                   {{"file", file}, {"offset", absl::StrCat(offset)}});
}

absl::StatusOr<std::string> ReadWhole(absl::string_view path) {
  // Without waiting: it may be a pipe that somebody put there.
  const Fd fd(open(std::string(path).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.ok() && (errno == ENOENT || errno == ENOTDIR)) {
    return MakeError(absl::StatusCode::kNotFound, "EVIDENCE_FILE_MISSING",
                     absl::StrCat(path, ": no such file"), {{"file", path}});
  }
  const auto unreadable = [&] {
    return MakeError(absl::StatusCode::kUnavailable, "EVIDENCE_LOG_UNREADABLE",
                     absl::StrCat(path, ": ", std::strerror(errno)), {{"file", path}});
  };
  struct stat info = {};
  if (!fd.ok() || fstat(fd.get(), &info) != 0) return unreadable();
  if (!S_ISREG(info.st_mode) || info.st_size > static_cast<off_t>(kMaxFileBytes)) {
    return MakeError(absl::StatusCode::kUnavailable, "EVIDENCE_LOG_UNREADABLE",
                     absl::StrCat(path, ": not a file of a log"), {{"file", path}});
  }
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t n = read(fd.get(), &content[size], content.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable();
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  content.resize(size);
  return content;
}

absl::Status WriteAt(int fd, absl::string_view content, uint64_t offset, absl::string_view path) {
  while (!content.empty()) {
    const ssize_t n = pwrite(fd, content.data(), content.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return WriteError(errno, path);
    content.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(absl::string_view path) {
  const Fd fd(open(std::string(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || fsync(fd.get()) != 0) return WriteError(errno, path);
  return absl::OkStatus();
}

absl::Status MakeFolders(absl::string_view path) {
  if (mkdir(std::string(path).c_str(), 0750) == 0 || errno == EEXIST) return absl::OkStatus();
  if (errno != ENOENT) return WriteError(errno, path);
  RETURN_IF_ERROR(MakeFolders(config::FolderOf(path)));
  if (mkdir(std::string(path).c_str(), 0750) == 0 || errno == EEXIST) return absl::OkStatus();
  return WriteError(errno, path);
}

AtomicWriter::AtomicWriter(std::string directory, absl::string_view prefix)
    : directory_(std::move(directory)),
      prefix_(absl::StrCat(directory_, "/", kJournalFolder, "/", kTemporaryPrefix, prefix)) {}

absl::Status AtomicWriter::WriteTemporary(const std::string& path, absl::string_view content,
                                          bool sync) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd.ok()) return WriteError(errno, path);
  RETURN_IF_ERROR(WriteAt(fd.get(), content, 0, path));
  if (!sync || fdatasync(fd.get()) == 0) return absl::OkStatus();
  return WriteError(errno, path);
}

absl::Status AtomicWriter::SyncTogether() const {
  const Fd fd(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || syncfs(fd.get()) != 0) return WriteError(errno, directory_);
  return absl::OkStatus();
}

absl::Status AtomicWriter::PrepareFolder(const std::string& folder,
                                         std::set<std::string>* touched) {
  touched->insert(folder);
  if (folder == directory_ || folders_.count(folder) > 0) return absl::OkStatus();
  // The name of a new folder is in the one above it.
  RETURN_IF_ERROR(PrepareFolder(config::FolderOf(folder), touched));
  return MakeFolders(folder);
}

absl::Status AtomicWriter::Write(const std::vector<Item>& items) {
  std::set<std::string> touched;
  std::vector<std::pair<std::string, std::string>> renames;
  absl::Status status;
  // A sync for each of a hundred files costs more than one for all that the disk was given.
  const bool together = items.size() > kMaxSyncedAlone;
  for (const Item& item : items) {
    const std::string path = absl::StrCat(directory_, "/", item.path);
    status = PrepareFolder(config::FolderOf(path), &touched);
    if (!status.ok()) break;
    if (const auto there = ReadWhole(path); there.ok()) {
      if (*there == item.content) continue;
    }
    renames.emplace_back(absl::StrCat(prefix_, renames.size()), path);
    status = WriteTemporary(renames.back().first, item.content, !together);
    if (!status.ok()) break;
  }
  if (status.ok() && together) status = SyncTogether();
  for (const auto& [from, to] : renames) {
    if (status.ok() && rename(from.c_str(), to.c_str()) != 0) status = WriteError(errno, to);
    if (!status.ok()) unlink(from.c_str());
  }
  RETURN_IF_ERROR(status);
  for (const std::string& folder : touched) RETURN_IF_ERROR(SyncFolder(folder));
  folders_.insert(touched.begin(), touched.end());
  return absl::OkStatus();
}

}  // namespace lgsp::evidence
