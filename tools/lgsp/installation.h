// Where the programs, descriptors and data of this build are.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::cli {

// Absolute paths.
struct Installation {
  // The folder that holds `deploy` and `tools`.
  std::string source_root;
  // The folder of the build, with `bin` and `share`.
  std::string build;

  std::string CatalogFolder() const { return source_root + "/deploy/catalog"; }
  std::string CallsFile() const { return source_root + "/deploy/calls.textproto"; }
  std::string TopicsFile() const { return source_root + "/deploy/topics.textproto"; }
  std::string NationalSimulator() const { return source_root + "/tools/national_sim"; }
  std::string SigningSimulator() const { return source_root + "/tools/agency_sim/signing"; }
  std::string AgenciesFile() const { return CatalogFolder() + "/camau_agencies.csv"; }
  // Every gRPC service of the platform as google.protobuf.FileDescriptorSet.
  std::string Descriptors() const { return build + "/share/lgsp.binpb"; }
  // `dossiers` -> `<build>/bin/lgsp-dossiers`.
  std::string Program(absl::string_view service) const;
};

// The build is the one this binary lies in (`<build>/bin/lgsp`). An empty `source_root` is looked
// for in the folders above it. FAILED_PRECONDITION SOURCE_ROOT_UNKNOWN.
absl::StatusOr<Installation> FindInstallation(absl::string_view source_root);

}  // namespace lgsp::cli
