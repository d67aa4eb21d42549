#include "services/dossiers/documents/document_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/status/status.h"
#include "services/dossiers/documents/document_errors.h"

namespace lgsp::dossiers {
namespace {

constexpr char kIncoming[] = "incoming";
constexpr char kTrash[] = "trash";
constexpr size_t kRandomNameBytes = 16;
constexpr int kFileMode = 0600;
constexpr int kFolderMode = 0700;
constexpr size_t kNameDigits = 64;
constexpr size_t kFolderDigits = 2;

absl::Status Failed(absl::string_view what) {
  const int error = errno;
  // The last: how a limit of the process, or of the file system, to one file shows.
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) return DocumentStoreFull();
  return DocumentStoreFailed(absl::StrCat(what, ": ", std::strerror(error)));
}

std::string FolderName(int folder) { return absl::StrFormat("%02x", folder); }

absl::Status MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), kFolderMode) == 0 || errno == EEXIST) return absl::OkStatus();
  return Failed("cannot make a folder");
}

// Makes what was renamed in or removed from a folder durable.
absl::Status SyncFolder(const std::string& path) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return Failed("cannot open a folder");
  const absl::Status status =
      fsync(folder) == 0 ? absl::OkStatus() : Failed("cannot sync a folder");
  close(folder);
  return status;
}

// Names in a folder of what was written on before `before` last.
absl::StatusOr<std::vector<std::string>> OldNames(const std::string& path, absl::Time before) {
  DIR* const folder = opendir(path.c_str());
  if (folder == nullptr) return Failed("cannot read a folder");
  const absl::Cleanup closer = [&] { closedir(folder); };
  std::vector<std::string> names;
  while (const dirent* entry = readdir(folder)) {
    struct stat info;
    // What another process has just removed is no concern.
    if (entry->d_name[0] == '.' || fstatat(dirfd(folder), entry->d_name, &info, 0) != 0) continue;
    if (absl::TimeFromTimespec(info.st_mtim) < before) names.emplace_back(entry->d_name);
  }
  return names;
}

absl::Status RemovePath(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed("cannot remove a file");
}

}  // namespace

absl::StatusOr<DocumentFiles> DocumentFiles::Open(std::string directory) {
  RETURN_IF_ERROR(MakeFolder(directory));
  RETURN_IF_ERROR(MakeFolder(absl::StrCat(directory, "/", kIncoming)));
  RETURN_IF_ERROR(MakeFolder(absl::StrCat(directory, "/", kTrash)));
  for (int i = 0; i < kFolders; ++i) {
    RETURN_IF_ERROR(MakeFolder(absl::StrCat(directory, "/", FolderName(i))));
  }
  RETURN_IF_ERROR(SyncFolder(directory));
  return DocumentFiles(std::move(directory));
}

std::string DocumentFiles::PathOf(const std::string& file) const {
  return absl::StrCat(directory_, "/", file.substr(0, kFolderDigits), "/",
                      file.substr(kFolderDigits));
}

absl::StatusOr<std::unique_ptr<DocumentFiles::Writer>> DocumentFiles::Create() const {
  std::string path =
      absl::StrCat(directory_, "/", kIncoming, "/", keys::Hex(keys::RandomBytes(kRandomNameBytes)));
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode);
  if (descriptor < 0) return Failed("cannot make a file");
  return std::make_unique<Writer>(directory_, std::move(path), descriptor);
}

absl::StatusOr<std::unique_ptr<DocumentFiles::Reader>> DocumentFiles::Read(
    const std::string& file, const keys::DataKey& key) const {
  const int descriptor = open(PathOf(file).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return DocumentContentMissing();
  if (descriptor < 0) return Failed("cannot open a file");
  return std::make_unique<Reader>(descriptor, key);
}

absl::Status DocumentFiles::Remove(const std::string& file) const {
  return RemovePath(PathOf(file));
}

absl::Status DocumentFiles::Discard(const std::string& file) const {
  const std::string path = PathOf(file);
  // The time it lies there counts from now.
  if (utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0 &&
      rename(path.c_str(), absl::StrCat(directory_, "/", kTrash, "/", file).c_str()) == 0) {
    return absl::OkStatus();
  }
  return errno == ENOENT ? absl::OkStatus() : Failed("cannot put a file into the trash");
}

absl::StatusOr<int> DocumentFiles::RemoveOld(absl::string_view folder, absl::Time before) const {
  const std::string path = absl::StrCat(directory_, "/", folder);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, OldNames(path, before));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(RemovePath(absl::StrCat(path, "/", name)));
  }
  return static_cast<int>(names.size());
}

absl::StatusOr<int> DocumentFiles::RemoveAbandoned(absl::Time before) const {
  return RemoveOld(kIncoming, before);
}

absl::StatusOr<int> DocumentFiles::RemoveDiscarded(absl::Time before) const {
  return RemoveOld(kTrash, before);
}

absl::StatusOr<std::vector<std::string>> DocumentFiles::FilesOf(int folder,
                                                                absl::Time before) const {
  const std::string digits = FolderName(folder);
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   OldNames(absl::StrCat(directory_, "/", digits), before));
  std::vector<std::string> files;
  for (const std::string& name : names) {
    // What is not ours stays.
    if (name.size() == kNameDigits - kFolderDigits) files.push_back(digits + name);
  }
  return files;
}

DocumentFiles::Writer::Writer(std::string directory, std::string path, int descriptor)
    : directory_(std::move(directory)), path_(std::move(path)), descriptor_(descriptor) {}

DocumentFiles::Writer::~Writer() {
  close(descriptor_);
  if (!path_.empty()) unlink(path_.c_str());
}

absl::Status DocumentFiles::Writer::Append(absl::string_view plain) {
  plain_hash_.Update(plain);
  size_bytes_ += static_cast<int64_t>(plain.size());
  sealer_.Update(plain, sealed_);
  return Write();
}

absl::Status DocumentFiles::Writer::Write() {
  file_hash_.Update(sealed_);
  absl::string_view left = sealed_;
  while (!left.empty()) {
    const ssize_t written = write(descriptor_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("cannot write a file");
    left.remove_prefix(static_cast<size_t>(written));
  }
  sealed_.clear();
  return absl::OkStatus();
}

absl::StatusOr<StoredContent> DocumentFiles::Writer::Commit() {
  sealer_.Finish(sealed_);
  RETURN_IF_ERROR(Write());
  if (fsync(descriptor_) != 0) return Failed("cannot sync a file");
  StoredContent content;
  content.file = keys::Hex(file_hash_.Finish());
  content.key = key_;
  content.sha256 = keys::Hex(plain_hash_.Finish());
  content.size_bytes = size_bytes_;
  const std::string folder = absl::StrCat(directory_, "/", content.file.substr(0, kFolderDigits));
  const std::string path = absl::StrCat(folder, "/", content.file.substr(kFolderDigits));
  if (rename(path_.c_str(), path.c_str()) != 0) return Failed("cannot rename a file");
  // From here on it is removed under its new name, should the folder not be synced.
  path_ = path;
  RETURN_IF_ERROR(SyncFolder(folder));
  path_.clear();
  return content;
}

DocumentFiles::Reader::Reader(int descriptor, const keys::DataKey& key)
    : descriptor_(descriptor), opener_(key) {}

DocumentFiles::Reader::~Reader() { close(descriptor_); }

absl::StatusOr<std::string> DocumentFiles::Reader::ReadSegment() {
  std::string segment(keys::kSealedSegmentBytes, '\0');
  size_t size = 0;
  while (size < segment.size()) {
    const ssize_t got = read(descriptor_, segment.data() + size, segment.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("cannot read a file");
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  segment.resize(size);
  return segment;
}

absl::StatusOr<std::string> DocumentFiles::Reader::Next() {
  if (!begun_) {
    ASSIGN_OR_RETURN(ahead_, ReadSegment());
    // An empty file is a damaged one: Open says so.
    if (ahead_.empty()) return opener_.Open(ahead_, true);
    begun_ = true;
  }
  if (ahead_.empty()) return std::string();
  const std::string segment = std::move(ahead_);
  ASSIGN_OR_RETURN(ahead_, ReadSegment());
  return opener_.Open(segment, ahead_.empty());
}

}  // namespace lgsp::dossiers
