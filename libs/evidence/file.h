// Files of a log: descriptors, errors of the disk as statuses, and files that appear whole or not
// at all.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::evidence {

// Closes a descriptor at the end of its life.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

// What an `errno` of a write means: RESOURCE_EXHAUSTED EVIDENCE_DISK_FULL, else UNAVAILABLE
// EVIDENCE_LOG_UNWRITABLE.
absl::Status WriteError(int error, absl::string_view path);

// A damaged file: DATA_LOSS EVIDENCE_LOG_DAMAGED with `file`, `offset` and what is wrong.
absl::Status Damaged(absl::string_view file, uint64_t offset, absl::string_view what);

// The whole file. NOT_FOUND EVIDENCE_FILE_MISSING, UNAVAILABLE EVIDENCE_LOG_UNREADABLE.
absl::StatusOr<std::string> ReadWhole(absl::string_view path);

// Errors as WriteError.
absl::Status WriteAt(int fd, absl::string_view content, uint64_t offset, absl::string_view path);
absl::Status SyncFolder(absl::string_view path);
absl::Status MakeFolders(absl::string_view path);

// Writes many files at once, each whole or not at all: temporary files, one sync of each, renames,
// one sync of each folder. A file that is there already with this content is left as it is. Not
// thread-safe.
class AtomicWriter {
 public:
  struct Item {
    std::string path;  // relative to the log's folder
    std::string content;
  };

  // Temporary files are `journal/<prefix><n>` below `directory`.
  AtomicWriter(std::string directory, absl::string_view prefix);

  // Errors as WriteError: then some of the files may have appeared, none is torn, and the whole may
  // be tried again.
  absl::Status Write(const std::vector<Item>& items);

 private:
  absl::Status WriteTemporary(const std::string& path, absl::string_view content, bool sync);
  // Everything of the file system: the log has one of its own where there is much to sync.
  absl::Status SyncTogether() const;
  absl::Status PrepareFolder(const std::string& folder, std::set<std::string>* touched);

  const std::string directory_;
  const std::string prefix_;       // with its path
  std::set<std::string> folders_;  // that are there
};

// Names of temporary files begin with it.
inline constexpr absl::string_view kTemporaryPrefix = "new-";

}  // namespace lgsp::evidence
