#include "libs/config/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "libs/status/status.h"

namespace lgsp::config {
namespace {

constexpr size_t kMaxFileBytes = 64 << 20;
constexpr absl::string_view kDefaultSecrets[] = {"changeme", "change-me", "secret",   "password",
                                                 "admin",    "default",   "test",     "123456",
                                                 "eGovFDev", "postgres",  "letmein1", "example"};

// Closes a descriptor at the end of its scope.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status FileError(absl::StatusCode code, absl::string_view reason, absl::string_view what,
                       absl::string_view path) {
  return MakeError(code, reason, absl::StrCat(path, ": ", what), {{"path", path}});
}

// Keeps the first complaint of the parser.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

bool WriteAll(int fd, absl::string_view content) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    content.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(absl::string_view path) {
  const Fd fd(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    return errno == ENOENT
               ? FileError(absl::StatusCode::kNotFound, "FILE_MISSING", "no such file", path)
               : FileError(absl::StatusCode::kFailedPrecondition, "FILE_UNREADABLE",
                           "cannot be read", path);
  }
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) return content;
    if (n < 0 || content.size() + static_cast<size_t>(n) > kMaxFileBytes) {
      return FileError(absl::StatusCode::kFailedPrecondition, "FILE_UNREADABLE",
                       "cannot be read, or larger than 64 MiB", path);
    }
    content.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status WriteFile(absl::string_view path, absl::string_view content, int mode) {
  const std::string temporary = absl::StrCat(path, ".tmp", getpid());
  const auto failed = [&](absl::string_view what) {
    unlink(temporary.c_str());
    return FileError(absl::StatusCode::kUnavailable, "FILE_NOT_WRITTEN", what, path);
  };
  {
    const Fd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                     static_cast<mode_t>(mode)));
    if (fd.get() < 0) return failed("cannot be made");
    if (fchmod(fd.get(), static_cast<mode_t>(mode)) != 0 || !WriteAll(fd.get(), content) ||
        fsync(fd.get()) != 0) {
      return failed("cannot be written");
    }
  }
  if (rename(temporary.c_str(), std::string(path).c_str()) != 0)
    return failed("cannot be replaced");
  const Fd folder(open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return failed("folder cannot be synced");
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSecret(absl::string_view path) {
  ASSIGN_OR_RETURN(std::string content, ReadFile(path));
  struct stat info = {};
  if (stat(std::string(path).c_str(), &info) != 0 || (info.st_mode & 077) != 0) {
    return FileError(absl::StatusCode::kFailedPrecondition, "SECRET_EXPOSED",
                     "a secret must be readable by its owner only (chmod 600)", path);
  }
  while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.pop_back();
  if (content.empty()) {
    return FileError(absl::StatusCode::kFailedPrecondition, "SECRET_EMPTY", "is empty", path);
  }
  const std::string lower = absl::AsciiStrToLower(content);
  for (const absl::string_view known : kDefaultSecrets) {
    if (lower == absl::AsciiStrToLower(known)) {
      return FileError(absl::StatusCode::kFailedPrecondition, "SECRET_DEFAULT",
                       "is a well-known default", path);
    }
  }
  return content;
}

absl::Status Load(absl::string_view path, google::protobuf::Message* message) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  google::protobuf::TextFormat::Parser parser;
  FirstError errors;
  parser.RecordErrorsTo(&errors);
  if (parser.ParseFromString(text, message)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID",
                   absl::StrCat(path, ":", errors.text()), {{"path", path}});
}

std::string Resolve(absl::string_view base, absl::string_view path) {
  if (absl::StartsWith(path, "/")) return std::string(path);
  return absl::StrCat(base, "/", path);
}

std::string FolderOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

}  // namespace lgsp::config
