#include "libs/log/log.h"

#include <catch2/catch.hpp>
#include <vector>

#include "libs/status/status.h"

namespace lgsp::log {
namespace {

TEST_CASE("a line is one JSON object with constant message and typed fields") {
  std::vector<std::string> lines;
  SetSink([&lines](const std::string& line) { lines.push_back(line); });
  Init("log_test");
  Warning("call failed",
          {{"attempt", 3},
           {"path", "a\"b\\c\n"},
           {"status", MakeError(absl::StatusCode::kNotFound, "GONE", "079099001234")}});
  SetSink(nullptr);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find(R"("severity":"WARNING","service":"log_test","message":"call failed")") !=
        std::string::npos);
  CHECK(lines[0].find(R"("attempt":3,"path":"a\"b\\c\u000a","status":"NOT_FOUND GONE"})") !=
        std::string::npos);
  CHECK(lines[0].find("079099001234") == std::string::npos);
}

TEST_CASE("ID numbers are masked, ids are not") {
  CHECK(Redact("id 079099001234.") == "id ************.");
  CHECK(Redact("(123456789)") == "(*********)");
  CHECK(Redact("H12.50.01-261123-0001") == "H12.50.01-261123-0001");
  CHECK(Redact("0197a000-0000-7000-8000-123456789012") == "0197a000-0000-7000-8000-123456789012");
  CHECK(Redact("1234567890") == "1234567890");
}

}  // namespace
}  // namespace lgsp::log
