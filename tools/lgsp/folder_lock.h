// At most one `lgsp up`, and one compilation of its policy, per data folder.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::cli {

// Held while it lives; gone with the process, however it ends. A POSIX record lock and not flock():
// who asks learns the holder's pid without taking the lock, and children do not inherit it.
class FolderLock {
 public:
  // `file` is made when missing; `command` is what the error says runs already. FAILED_PRECONDITION
  // ALREADY_RUNNING (names the pid), UNAVAILABLE FILE_NOT_WRITTEN.
  static absl::StatusOr<FolderLock> Take(const std::string& file, absl::string_view command);
  // The process that holds it; 0: none. Not for the holder: closing the file would release it.
  static pid_t Holder(const std::string& file);

  FolderLock(FolderLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace lgsp::cli
