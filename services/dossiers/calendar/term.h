// PURE: how long the settlement of a procedure may take.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"

namespace lgsp::dossiers {

// Parts that are added from left to right: `5 WORKING_DAY + 1 MONTH`.
struct Term {
  enum class Unit {
    // Days on which civil servants work.
    kWorkingDay,
    // Days of the calendar.
    kDay,
    // Hours in which the agency works.
    kHour,
    // Hours of the clock, day and night: the protection of persons.
    kConsecutiveHour,
    kMonth,
    kYear,
  };
  struct Part {
    // In hundredths of the unit, because halves and quarters of working days occur.
    int64_t hundredths = 0;
    Unit unit = Unit::kWorkingDay;
  };
  std::vector<Part> parts;
};

// `<amount> <UNIT>` joined by ` + `; at most kMaxTermParts. Nothing when it is not that: an unknown
// unit, no plain decimal number with at most two decimals (months, years and consecutive hours:
// whole), zero, or beyond 10 years.
std::optional<Term> ParseTerm(absl::string_view text);
inline constexpr size_t kMaxTermParts = 4;

// `amount` and `unit` of tthc_terms.csv, of the class KNOWN. Nothing when ParseTerm has nothing or
// the page is in doubt: more than 24 hours that are no whole days of 8 are a slip (110 HOUR, which
// were days).
std::optional<Term> PrintedTermOf(absl::string_view amount, absl::string_view unit);

}  // namespace lgsp::dossiers
