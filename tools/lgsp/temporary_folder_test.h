// What the tests of `lgsp` share: a folder that goes with its test, and data folders in it.
#pragma once

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tools/lgsp/folder_maker.h"

namespace lgsp::cli {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/lgsp_test_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

// LGSP_SOURCE_ROOT comes from CMake: the build may lie elsewhere.
inline Installation TestInstallation() {
  const auto found = FindInstallation(LGSP_SOURCE_ROOT);
  REQUIRE(found.ok());
  return *found;
}

inline DataFolder MakeTestFolder(const TemporaryFolder& parent, bool demo = true,
                                 int base_port = kDefaultBasePort) {
  const auto made =
      MakeDataFolder(parent.File("data"), {demo, base_port}, TestInstallation(), absl::Now());
  INFO(made.status());
  REQUIRE(made.ok());
  return *made;
}

}  // namespace lgsp::cli
