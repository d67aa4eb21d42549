#include "libs/text/csv.h"

#include <catch2/catch.hpp>

#include "libs/status/status.h"

namespace lgsp::text {
namespace {

TEST_CASE("quotes, commas and line breaks in fields; columns in the order asked for") {
  const auto table = ParseCsv(
      "t.csv", "# source: somewhere, 2026\r\na,b,c\n1,\"x, \"\"y\"\"\nz\",3\n,,\n", {"b", "a"});
  REQUIRE(table.ok());
  CHECK(table->source == "somewhere, 2026");
  REQUIRE(table->rows.size() == 2);
  CHECK(table->rows[0] == std::vector<std::string>{"x, \"y\"\nz", "1"});
  CHECK(table->rows[1] == std::vector<std::string>{"", ""});
}

TEST_CASE("what is wrong is told with its line") {
  const auto message = [](absl::string_view content) {
    const auto table = ParseCsv("t.csv", content, {"a"});
    CHECK(ErrorReason(table.status()) == "CSV_INVALID");
    return std::string(table.status().message());
  };
  CHECK(message("a\n1\n") == "t.csv:1: must begin with `# source: `");
  CHECK(message("# source: x\nb\n1\n") == "t.csv:2: no column a");
  CHECK(message("# source: x\na,b\n1,2\n1\n") == "t.csv:4: 1 fields, not 2");
  CHECK(message("# source: x\na\n\"1\n2\n") == "t.csv:3: a quote is not closed");
  CHECK(message("# source: x\na\n\xFF\n") == "t.csv:1: not UTF-8");
}

}  // namespace
}  // namespace lgsp::text
