// Folders and files of a test's own.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "libs/keys/envelope.h"

namespace lgsp::testing {

// A new folder under the system's temporary one, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  // Writes `file` in it with mode 0600; returns its path.
  std::string Write(absl::string_view file, absl::string_view content) const;

 private:
  std::string path_;
};

// A key ring with one new key.
keys::KeyRing NewKeyRing();

}  // namespace lgsp::testing
