// PURE: a due date and how it was counted, in words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

enum class Language { kVietnamese, kEnglish };

// `vi`, also for an empty code, and `en`.
std::optional<Language> ParseLanguage(absl::string_view code);

// The due time, then one line for each run of days.
std::vector<std::string> ExplainDue(const lgsp::dossiers::v1::DueDate& due, Language language);

}  // namespace lgsp::dossiers
