#include "tools/lgsp/folder_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

// The whole file.
struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

pid_t HolderOf(int fd) {
  struct flock lock = WholeFile();
  if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  return lock.l_pid;
}

}  // namespace

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& file, absl::string_view command) {
  FolderLock taken(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (taken.fd_ < 0) {
    return MakeError(absl::StatusCode::kUnavailable, "FILE_NOT_WRITTEN",
                     absl::StrCat(file, ": ", strerror(errno)), {{"path", file}});
  }
  struct flock lock = WholeFile();
  if (fcntl(taken.fd_, F_SETLK, &lock) == 0) return taken;
  return MakeError(absl::StatusCode::kFailedPrecondition, "ALREADY_RUNNING",
                   absl::StrCat(command, " runs on this folder already: process ",
                                HolderOf(taken.fd_), " holds ", file),
                   {{"path", file}});
}

pid_t FolderLock::Holder(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return 0;
  const pid_t holder = HolderOf(fd);
  close(fd);
  return holder;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace lgsp::cli
