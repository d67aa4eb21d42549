// Where the files of a log come from: the one edge at which a mirror meets what it does not trust.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::evidence {

// Thread-safe. Errors of both methods: NOT_FOUND when there is no such file, UNAVAILABLE for
// everything else, which says nothing about the log.
class LogSource {
 public:
  virtual ~LogSource() = default;
  virtual absl::StatusOr<std::string> Checkpoint() = 0;
  // `path` as in libs/evidence/tiles.h.
  virtual absl::StatusOr<std::string> Read(absl::string_view path) = 0;
};

// The folder of a log on this machine, beside its writer.
class FolderSource final : public LogSource {
 public:
  explicit FolderSource(std::string folder) : folder_(std::move(folder)) {}
  absl::StatusOr<std::string> Checkpoint() override;
  absl::StatusOr<std::string> Read(absl::string_view path) override;

 private:
  const std::string folder_;
};

// Whether others may be given the file: `minimum-index`, or a path of a tile or a bundle as
// TilePath and BundlePath write it. PURE.
bool IsLogPath(absl::string_view path);

}  // namespace lgsp::evidence
