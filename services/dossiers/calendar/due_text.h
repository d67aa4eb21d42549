// PURE: a due date, how it was counted and what became of it, in words.
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

// The due time, what became of it (the clock stands, moved, the apology's date), then one line for
// each run of days. Of a dossier that has a due date.
std::vector<std::string> ExplainDue(const lgsp::dossiers::v1::Dossier& dossier, Language language);

}  // namespace lgsp::dossiers
