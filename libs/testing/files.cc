#include "libs/testing/files.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "libs/config/config.h"

namespace lgsp::testing {

TemporaryFolder::TemporaryFolder()
    : path_((std::filesystem::temp_directory_path() / "lgsp-test-XXXXXX").string()) {
  REQUIRE(mkdtemp(path_.data()) != nullptr);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::Write(absl::string_view file, absl::string_view content) const {
  const std::string path = absl::StrCat(path_, "/", file);
  REQUIRE(config::WriteFile(path, content, 0600).ok());
  return path;
}

keys::KeyRing NewKeyRing() {
  const TemporaryFolder folder;
  auto ring = keys::KeyRing::FromFile(folder.Write("keys", keys::KeyRing::NewLine("test-1")));
  INFO(ring.status());
  REQUIRE(ring.ok());
  return *std::move(ring);
}

}  // namespace lgsp::testing
