// The Python oracles beside the tests: programs that decide the same cases from the law and the
// data.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

// A file of the repository, by its path from the root.
std::string SourceFile(absl::string_view path);
inline constexpr char kDaysPath[] = "deploy/catalog/vn_civil_service_days_2021_2027.csv";

// What the oracle `script` (beneath services/dossiers) with `argument` says of `cases`; fails the
// test when it finds one wrong.
std::string AskOracle(absl::string_view script, absl::string_view argument,
                      absl::string_view cases);

}  // namespace lgsp::dossiers
