#include "services/dossiers/calendar/term.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lgsp::dossiers {
namespace {

constexpr int64_t kHundred = 100;
constexpr size_t kMaxDigits = 5;
constexpr int64_t kHoursOfWorkingDay = 8;
constexpr int64_t kLongestInHours = 24;

struct UnitName {
  absl::string_view name;
  Term::Unit unit;
  // About 10 years.
  int64_t longest;
  bool whole;
};
constexpr UnitName kUnits[] = {
    {"WORKING_DAY", Term::Unit::kWorkingDay, 3660, false},
    {"DAY", Term::Unit::kDay, 3660, false},
    {"HOUR", Term::Unit::kHour, 3660 * kHoursOfWorkingDay, false},
    {"CONSECUTIVE_HOUR", Term::Unit::kConsecutiveHour, 3660 * 24, true},
    {"MONTH", Term::Unit::kMonth, 120, true},
    {"YEAR", Term::Unit::kYear, 10, true},
};

// 1 to `max` digits, and nothing else.
bool IsDigits(absl::string_view text, size_t max) {
  return !text.empty() && text.size() <= max &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

std::optional<int64_t> ParseHundredths(absl::string_view amount) {
  const std::vector<absl::string_view> parts = absl::StrSplit(amount, '.');
  int64_t whole = 0;
  int64_t hundredths = 0;
  if (parts.size() > 2 || !IsDigits(parts[0], kMaxDigits) || !absl::SimpleAtoi(parts[0], &whole)) {
    return std::nullopt;
  }
  if (parts.size() == 2) {
    if (!IsDigits(parts[1], 2) || !absl::SimpleAtoi(parts[1], &hundredths)) return std::nullopt;
    // `.5` are 50 hundredths.
    if (parts[1].size() == 1) hundredths *= 10;
  }
  return whole * kHundred + hundredths;
}

std::optional<Term::Part> ParsePart(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  if (words.size() != 2) return std::nullopt;
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const UnitName& u) { return u.name == words[1]; });
  const auto hundredths = ParseHundredths(words[0]);
  if (unit == std::end(kUnits) || !hundredths.has_value() || *hundredths == 0 ||
      *hundredths > unit->longest * kHundred || (unit->whole && *hundredths % kHundred != 0)) {
    return std::nullopt;
  }
  return Term::Part{*hundredths, unit->unit};
}

}  // namespace

std::optional<Term> ParseTerm(absl::string_view text) {
  Term term;
  for (const absl::string_view part : absl::StrSplit(text, " + ")) {
    const auto parsed = ParsePart(part);
    if (!parsed.has_value() || term.parts.size() == kMaxTermParts) return std::nullopt;
    term.parts.push_back(*parsed);
  }
  return term;
}

std::optional<Term> PrintedTermOf(absl::string_view amount, absl::string_view unit) {
  auto term = ParseTerm(absl::StrCat(amount, " ", unit));
  if (!term.has_value() || term->parts.size() != 1) return std::nullopt;
  const Term::Part& part = term->parts.front();
  const bool slip = part.unit == Term::Unit::kHour &&
                    part.hundredths > kLongestInHours * kHundred &&
                    part.hundredths % (kHoursOfWorkingDay * kHundred) != 0;
  // Ours, not the page's.
  if (slip || part.unit == Term::Unit::kConsecutiveHour) return std::nullopt;
  return term;
}

}  // namespace lgsp::dossiers
