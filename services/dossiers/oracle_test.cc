#include "services/dossiers/oracle_test.h"

#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "libs/testing/files.h"

namespace lgsp::dossiers {

std::string SourceFile(absl::string_view path) { return absl::StrCat(LGSP_SOURCE_DIR, "/", path); }

std::string AskOracle(absl::string_view script, absl::string_view argument,
                      absl::string_view cases) {
  const testing::TemporaryFolder folder;
  const std::string command =
      absl::StrCat("/usr/bin/python3 -B ", SourceFile("services/dossiers/"), script, " ", argument,
                   " < ", folder.Write("cases", cases), " 2>&1");
  FILE* output = popen(command.c_str(), "r");
  REQUIRE(output != nullptr);
  std::string said;
  std::array<char, 4096> buffer;
  for (size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), output)) > 0;) {
    said.append(buffer.data(), n);
  }
  const int status = pclose(output);
  INFO(said);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return said;
}

}  // namespace lgsp::dossiers
