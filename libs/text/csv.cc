#include "libs/text/csv.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"
#include "libs/text/text.h"

namespace lgsp::text {
namespace {

absl::Status Invalid(absl::string_view name, int line, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CSV_INVALID",
                   absl::StrCat(name, ":", line, ": ", what), {{"file", name}});
}

// Takes one record off the front of `rest` and counts the lines it spans. False: a quote is not
// closed.
bool TakeRecord(absl::string_view& rest, int& line, std::vector<std::string>& fields) {
  fields.assign(1, "");
  bool quoted = false;
  size_t i = 0;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    if (quoted) {
      if (c == '"' && i + 1 < rest.size() && rest[i + 1] == '"') {
        fields.back() += c;
        ++i;
      } else if (c == '"') {
        quoted = false;
      } else {
        line += c == '\n' ? 1 : 0;
        fields.back() += c;
      }
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  rest.remove_prefix(std::min(i + 1, rest.size()));
  ++line;
  return !quoted;
}

}  // namespace

absl::StatusOr<CsvTable> ParseCsv(absl::string_view name, absl::string_view content,
                                  const std::vector<absl::string_view>& columns) {
  CsvTable table;
  int line = 1;
  if (!ToNfc(content).ok()) return Invalid(name, line, "not UTF-8");
  absl::string_view rest = content;
  const size_t end = std::min(rest.find('\n'), rest.size());
  absl::string_view source = absl::StripSuffix(rest.substr(0, end), "\r");
  if (!absl::ConsumePrefix(&source, "# source: ")) {
    return Invalid(name, line, "must begin with `# source: `");
  }
  table.source = std::string(source);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  ++line;

  std::vector<std::string> header;
  if (!TakeRecord(rest, line, header)) return Invalid(name, line, "a quote is not closed");
  std::vector<size_t> places;
  for (const absl::string_view column : columns) {
    const auto it = std::find(header.begin(), header.end(), std::string(column));
    if (it == header.end()) return Invalid(name, 2, absl::StrCat("no column ", column));
    places.push_back(static_cast<size_t>(it - header.begin()));
  }
  std::vector<std::string> fields;
  while (!rest.empty()) {
    const int begin = line;
    if (!TakeRecord(rest, line, fields)) return Invalid(name, begin, "a quote is not closed");
    if (fields.size() != header.size()) {
      return Invalid(name, begin, absl::StrCat(fields.size(), " fields, not ", header.size()));
    }
    std::vector<std::string>& row = table.rows.emplace_back();
    for (const size_t place : places) row.push_back(fields[place]);
  }
  return table;
}

}  // namespace lgsp::text
