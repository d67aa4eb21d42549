// What the README promises to list is looked up in the code.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/config/config.h"

namespace lgsp::gateway {
namespace {

namespace fs = std::filesystem;

const std::string& Folder() {
  static const std::string folder = absl::StrCat(LGSP_SOURCE_DIR, "/services/gateway");
  return folder;
}

std::string Readme() { return *config::ReadFile(Folder() + "/README.md"); }

// Every match of the first group of `pattern` in the gateway's own sources.
std::set<std::string> Found(const std::regex& pattern) {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(Folder())) {
    const std::string path = entry.path().string();
    const bool source = absl::EndsWith(path, ".cc") || absl::EndsWith(path, ".h");
    if (!source || absl::StrContains(path, "_test.")) continue;
    const std::string text = *config::ReadFile(path);
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
      found.insert((*it)[1]);
    }
  }
  return found;
}

TEST_CASE("every reason of the gateway is in its README") {
  // A reason is a literal of two words or more.
  const auto reasons = Found(std::regex("\"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\""));
  CHECK(reasons.size() > 25);
  CHECK(reasons.count("NO_AGREEMENT") == 1);
  const std::string readme = Readme();
  for (const std::string& reason : reasons) {
    INFO(reason);
    CHECK(absl::StrContains(readme, reason));
  }
}

TEST_CASE("every metric of the gateway is in its README") {
  const auto metrics = Found(std::regex("\"((?:gateway|grpc_server)_[a-z_]+)\""));
  CHECK(metrics.size() > 10);
  const std::string readme = Readme();
  for (const std::string& metric : metrics) {
    INFO(metric);
    CHECK(absl::StrContains(readme, metric));
  }
}

TEST_CASE("every limit of the gateway is in its README") {
  const auto text = *config::ReadFile(Folder() + "/limits.h");
  const std::regex pattern("inline constexpr [^=]* (k[A-Za-z]+) =");
  const std::string readme = Readme();
  int limits = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it, ++limits) {
    INFO((*it)[1].str());
    CHECK(absl::StrContains(readme, (*it)[1].str()));
  }
  CHECK(limits > 25);
}

}  // namespace
}  // namespace lgsp::gateway
