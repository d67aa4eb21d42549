#include "tools/lgsp/data_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/config/config.h"
#include "libs/status/status.h"

namespace lgsp::cli {
namespace {

std::string AbsolutePath(absl::string_view path) {
  std::error_code error;
  std::filesystem::path full =
      std::filesystem::absolute(std::string(path), error).lexically_normal();
  if (error) return std::string(path);
  std::string text = full.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace

DataFolder::DataFolder(absl::string_view path, Platform platform)
    : root_(AbsolutePath(path)), platform_(std::move(platform)) {}

absl::StatusOr<DataFolder> DataFolder::Open(absl::string_view path) {
  DataFolder folder(path, Platform());
  const absl::Status loaded = config::Load(folder.PlatformFile(), &folder.platform_);
  if (absl::IsNotFound(loaded)) {
    return MakeError(
        absl::StatusCode::kNotFound, "DATA_FOLDER_MISSING",
        absl::StrCat(path, " is not a data folder: make one with `lgsp init ", path, "`"),
        {{"path", path}});
  }
  RETURN_IF_ERROR(loaded);
  if (folder.platform_.layout() != kDataFolderLayout) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DATA_FOLDER_LAYOUT",
                     absl::StrCat(folder.PlatformFile(), ": layout ", folder.platform_.layout(),
                                  ", but this lgsp knows layout ", kDataFolderLayout),
                     {{"path", path}});
  }
  return folder;
}

absl::StatusOr<Process> DataFolder::FindProcess(absl::string_view name) const {
  for (const Process& process : platform_.processes()) {
    if (name == process.name()) return process;
  }
  return MakeError(absl::StatusCode::kNotFound, "PROCESS_UNKNOWN",
                   absl::StrCat(PlatformFile(), ": no process ", name), {{"process", name}});
}

std::string DataFolder::Path(absl::string_view relative) const {
  return absl::StrCat(root_, "/", relative);
}

std::string DataFolder::ServiceCertificate(absl::string_view service) const {
  return absl::StrCat(root_, "/services/", service, "/tls.crt");
}

std::string DataFolder::ServiceKey(absl::string_view service) const {
  return absl::StrCat(root_, "/services/", service, "/tls.key");
}

std::string DataFolder::SystemCertificate(absl::string_view system) const {
  return absl::StrCat(root_, "/systems/", absl::StripPrefix(system, "systems/"), ".crt");
}

std::string DataFolder::SystemKey(absl::string_view system) const {
  return absl::StrCat(root_, "/systems/", absl::StripPrefix(system, "systems/"), ".key");
}

std::string DataFolder::PrivateKey(absl::string_view key) const {
  return absl::StrCat(root_, "/keys/", key, ".key");
}

std::string DataFolder::PublicKey(absl::string_view key) const {
  return absl::StrCat(root_, "/keys/", key, ".pub");
}

std::string DataFolder::Config(absl::string_view service) const {
  return absl::StrCat(root_, "/config/", service, ".textproto");
}

std::string DataFolder::RunConfig(absl::string_view service) const {
  return Path(absl::StrCat("config/", service, ".run.textproto"));
}

std::string DataFolder::Log(absl::string_view process) const {
  return absl::StrCat(root_, "/logs/", process, ".log");
}

bool IsSimulator(absl::string_view process) {
  return process == kNationalSimulator || process == kSigningSimulator;
}

int PortOf(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port))
    return 0;
  return port;
}

}  // namespace lgsp::cli
