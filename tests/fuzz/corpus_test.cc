// The targets over their corpora, in an ordinary build: what was found once stays mended. Inputs
// whose names begin with `good` are accepted, the others are not.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {
namespace {

namespace fs = std::filesystem;

// Truncations of one input that are tried.
constexpr size_t kMostCuts = 64;

std::string Bytes(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("fuzz: every target bears its corpus, whole and cut") {
  std::set<std::string> folders;
  for (const auto& entry : fs::directory_iterator(LGSP_FUZZ_CORPUS)) {
    folders.insert(entry.path().filename().string());
  }
  for (const Target& target : Targets()) {
    INFO(target.name);
    REQUIRE(folders.erase(std::string(target.name)) == 1);
    int inputs = 0;
    target.run("");
    for (const auto& entry :
         fs::directory_iterator(fs::path(LGSP_FUZZ_CORPUS) / std::string(target.name))) {
      INFO(entry.path());
      const std::string bytes = Bytes(entry.path());
      const bool good = entry.path().filename().string().rfind("good", 0) == 0;
      CHECK(target.run(bytes) == good);
      const size_t step = bytes.size() / kMostCuts + 1;
      for (size_t size = 0; size < bytes.size(); size += step) {
        target.run(absl::string_view(bytes).substr(0, size));
      }
      ++inputs;
    }
    CHECK(inputs > 0);
  }
  CHECK(folders.empty());
}

}  // namespace
}  // namespace lgsp::fuzz
