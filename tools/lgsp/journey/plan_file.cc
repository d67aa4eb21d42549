#include "tools/lgsp/journey/plan_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

absl::Status FileError(absl::string_view path, absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "FILE_NOT_WRITTEN",
                   absl::StrCat(path, ": ", what), {{"path", path}});
}

absl::Status SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  return synced ? absl::OkStatus() : FileError(folder, "cannot be synced");
}

// Makes the folder, known to the disk.
absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (error) return FileError(folder, error.message());
  return SyncFolder(config::FolderOf(folder));
}

}  // namespace

PlanFile::PlanFile(std::string folder, int lock)
    : folder_(std::move(folder)), path_(folder_ + "/plan.jsonl"), lock_(lock) {}

PlanFile::~PlanFile() {
  absl::MutexLock lock(&mutex_);
  if (file_ >= 0) close(file_);
  close(lock_);
}

absl::StatusOr<std::unique_ptr<PlanFile>> PlanFile::Open(absl::string_view folder,
                                                         const ProcedureCatalog& catalog,
                                                         int dossiers, uint32_t seed,
                                                         const Clock& clock) {
  const std::string path(folder);
  RETURN_IF_ERROR(MakeFolder(path));
  const int lock = open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return FileError(path, "cannot be locked");
  auto file = absl::WrapUnique(new PlanFile(path, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "JOURNEY_RUNNING",
                     absl::StrCat(path, ": another journey is under way here"), {{"path", path}});
  }
  bool found = false;
  RETURN_IF_ERROR(file->Resume(catalog, clock, &found));
  if (found) return file;
  PlanHeader header;
  // The random end of the UUID: two plans of one seed differ in it.
  header.set_id(NewUuid(clock).substr(24));
  header.set_seed(seed);
  header.set_dossiers(dossiers);
  *header.mutable_made() = ToTimestamp(clock.CivilNow());
  RETURN_IF_ERROR(file->Create(header, catalog));
  return file;
}

absl::Status PlanFile::Resume(const ProcedureCatalog& catalog, const Clock& clock, bool* found) {
  const auto text = config::ReadFile(path_);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  RETURN_IF_ERROR(text.status());
  size_t whole_bytes = 0;
  auto plan = ParsePlan(*text, catalog, &whole_bytes);
  // Cut within its header: nothing was submitted under it.
  if (absl::IsNotFound(plan.status())) return absl::OkStatus();
  RETURN_IF_ERROR(plan.status());
  plan_ = *std::move(plan);
  if (plan_.done) return PutAside();
  if (clock.CivilNow() - ToTime(plan_.header.made()) > kMaxPlanAge) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "PLAN_TOO_OLD",
        absl::StrCat(path_,
                     " was begun more than 6 days ago: its request ids are no longer known "
                     "to the platform; move it away to begin a new one"),
        {{"path", path_}});
  }
  *found = true;
  resumed_ = true;
  ASSIGN_OR_RETURN(const std::string planned, FormatPlan(plan_));
  if (whole_bytes < planned.size()) return Create(plan_.header, catalog);
  return OpenForAppend(whole_bytes);
}

absl::Status PlanFile::PutAside() const {
  std::string aside = absl::StrCat(folder_, "/plan-", plan_.header.seed(), ".jsonl");
  for (int i = 2; access(aside.c_str(), F_OK) == 0; ++i) {
    aside = absl::StrCat(folder_, "/plan-", plan_.header.seed(), "-", i, ".jsonl");
  }
  if (rename(path_.c_str(), aside.c_str()) != 0) return FileError(path_, "cannot be renamed");
  return SyncFolder(folder_);
}

absl::Status PlanFile::Create(const PlanHeader& header, const ProcedureCatalog& catalog) {
  ASSIGN_OR_RETURN(plan_, MakePlan(header, catalog));
  ASSIGN_OR_RETURN(const std::string text, FormatPlan(plan_));
  // Synthetic people, yet a file of this kind is nobody else's business.
  RETURN_IF_ERROR(config::WriteFile(path_, text, 0600));
  return OpenForAppend(text.size());
}

absl::Status PlanFile::OpenForAppend(size_t whole_bytes) {
  absl::MutexLock lock(&mutex_);
  file_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(whole_bytes)) != 0) {
    return FileError(path_, "cannot be appended to");
  }
  return absl::OkStatus();
}

absl::Status PlanFile::Write(const PlanRecord& record) {
  ASSIGN_OR_RETURN(const std::string line, FormatRecord(record));
  absl::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError(path_, "cannot be appended to");
    rest.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status PlanFile::Append(const EndedDossier& ended) {
  PlanRecord record;
  *record.mutable_ended() = ended;
  absl::MutexLock lock(&mutex_);
  return Write(record);
}

absl::Status PlanFile::Finish(absl::string_view line) {
  PlanRecord record;
  record.mutable_done()->set_line(std::string(line));
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Write(record));
  return fsync(file_) == 0 ? absl::OkStatus() : FileError(path_, "cannot be synced");
}

}  // namespace lgsp::cli
