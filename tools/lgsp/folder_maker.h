// Makes a data folder: keys, certificates, configuration, first policy (DESIGN.md section 8).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/lgsp/data_folder.h"
#include "tools/lgsp/installation.h"

namespace lgsp::cli {

// The folder takes the ports [base_port, base_port + kPortSpan). Above kMaxPort the kernel gives
// ports to outgoing connections.
inline constexpr int kDefaultBasePort = 18440;
inline constexpr int kPortSpan = 40;
inline constexpr int kMinPort = 1024;
inline constexpr int kMaxPort = 32767;

// How long the authority, and the certificates of demo systems, hold.
inline constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3650);
inline constexpr absl::Duration kDemoCertificateLife = absl::Hours(24 * 365);

// What to make.
struct FolderOptions {
  bool demo = false;
  int base_port = kDefaultBasePort;
  Platform::Profile profile = Platform::DEVELOPMENT;
};

// The processes and addresses of a folder.
Platform MakePlatform(const FolderOptions& options);

// Makes the folder at `path`, which must not be there or be empty. It is made beside it and
// renamed: it appears whole or not at all. FAILED_PRECONDITION FOLDER_NOT_EMPTY; UNAVAILABLE
// FILE_NOT_WRITTEN; those of CompilePolicy.
absl::StatusOr<DataFolder> MakeDataFolder(absl::string_view path, const FolderOptions& options,
                                          const Installation& installation, absl::Time now);

}  // namespace lgsp::cli
