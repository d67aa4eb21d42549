#include "tools/lgsp/installation.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kCatalog[] = "deploy/catalog";

bool IsSourceRoot(const fs::path& folder) {
  std::error_code error;
  return fs::is_directory(folder / kCatalog, error);
}

}  // namespace

std::string Installation::Program(absl::string_view service) const {
  return absl::StrCat(build, "/bin/lgsp-", service);
}

absl::StatusOr<Installation> FindInstallation(absl::string_view source_root) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  Installation found;
  found.build = program.parent_path().parent_path().string();
  if (!source_root.empty()) {
    const fs::path root = fs::absolute(std::string(source_root), error).lexically_normal();
    if (!IsSourceRoot(root)) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "SOURCE_ROOT_UNKNOWN",
                       absl::StrCat("--source-root ", source_root, ": has no ", kCatalog));
    }
    found.source_root = root.string();
    return found;
  }
  for (fs::path folder = program.parent_path(); folder != folder.parent_path();
       folder = folder.parent_path()) {
    if (IsSourceRoot(folder)) {
      found.source_root = folder.string();
      return found;
    }
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "SOURCE_ROOT_UNKNOWN",
                   absl::StrCat("no folder above ", program.string(), " has ", kCatalog,
                                ": give --source-root"));
}

}  // namespace lgsp::cli
