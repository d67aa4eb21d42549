// What libs/sql understands of SQL: parameters, literals, comments, the end of a statement. No
// grammar.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lgsp::sql {

// A statement as an engine wants it.
struct StatementText {
  std::string sql;
  // The parameter `<marker>1` is names[0], and so on; each name once.
  std::vector<std::string> names;
};

// Replaces each `:name` by `<marker>n` (`?1`, `$1`), but not within literals, quoted names and
// comments.
StatementText NumberParameters(absl::string_view sql, char marker);

// The statements of a migration: they end with `;` at the end of a line. Without blank ones.
std::vector<absl::string_view> SplitStatements(absl::string_view script);

// Replaces the word BYTES by `type`, but not within literals, quoted names and comments.
std::string ReplaceBytesType(absl::string_view script, absl::string_view type);

// `script` without its comments, each run of white space between tokens one space.
std::string WithoutComments(absl::string_view script);

// Whether `text` is well-formed UTF-8 without NUL, all that TEXT can hold.
bool IsText(absl::string_view text);

}  // namespace lgsp::sql
