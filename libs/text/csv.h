// Reading the catalogue's CSV files (RFC 4180, UTF-8, a first line `# source: …`, then a header
// line).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::text {

// A table: rows have exactly the columns asked for, in the order asked for.
struct CsvTable {
  // The words behind `# source:`.
  std::string source;
  std::vector<std::vector<std::string>> rows;
};

// `name` stands for the file in errors. `columns` must be among the header's. INVALID_ARGUMENT
// CSV_INVALID with name and line: no source line, a column missing, a row of another width, a quote
// that is not closed, text not in UTF-8.
absl::StatusOr<CsvTable> ParseCsv(absl::string_view name, absl::string_view content,
                                  const std::vector<absl::string_view>& columns);

}  // namespace lgsp::text
