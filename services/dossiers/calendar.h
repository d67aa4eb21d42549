// PURE: due dates by Civil Code art. 147-148 and the yearly notices on days off of civil servants.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

// Working hours assumed for every agency: 7:00-11:30 and 13:30-17:00, 8 hours (vietnam.md 2.3).
inline constexpr absl::Duration kMorningBegin = absl::Hours(7);
inline constexpr absl::Duration kMorningEnd = absl::Minutes(11 * 60 + 30);
inline constexpr absl::Duration kAfternoonBegin = absl::Minutes(13 * 60 + 30);
inline constexpr absl::Duration kAfternoonEnd = absl::Hours(17);

// The days on which civil servants work. Immutable.
class Calendar {
 public:
  // From vn_civil_service_days_*.csv. INVALID_ARGUMENT CSV_INVALID with file and line or date.
  static absl::StatusOr<Calendar> FromCsv(absl::string_view name, absl::string_view content);

  // What a day is, and the notice it rests on (days off, worked Saturdays).
  struct Day {
    lgsp::dossiers::v1::DayRun::Kind kind;  // COUNTED, WEEKEND, DAY_OFF or WORKED_SATURDAY
    std::string basis;
    bool works() const;
  };
  Day DayOf(absl::CivilDay day) const;

  // A year without rows is unknown; one with provisional rows awaits its notice.
  bool Knows(int64_t year) const { return years_.contains(year); }
  bool IsProvisional(int64_t year) const { return provisional_.contains(year); }

 private:
  // Weekdays off and worked Saturdays; every other day is what its weekday says.
  std::map<absl::CivilDay, Day> special_;
  std::set<int64_t> years_, provisional_;
};

// A term as printed: `5`, `3.5`; in hundredths, because quarters occur.
struct Term {
  int64_t hundredths = 0;
  enum class Unit { kWorkingDay, kDay } unit = Unit::kWorkingDay;
};

// When a term that starts at `start` is due, with the explanation; term_row, term_amount and
// term_unit are left to the caller. The day of the start is not counted. WORKING_DAY: due at the
// close of the last counted day; a fraction of a day is that part of the daily hours on the next
// working day. DAY: every day counts, a fraction as a whole day; an end on a day of rest moves to
// the next working day (art. 148.5). FAILED_PRECONDITION CALENDAR_MISSING when a day of an unknown
// year is crossed; `provisional` when one of a provisional year is.
absl::StatusOr<lgsp::dossiers::v1::DueDate> ComputeDue(const Calendar& calendar, absl::Time start,
                                                       Term term);

// `amount` and `unit` of tthc_terms.csv; nothing when this cannot be computed (other units, no
// number, beyond 10 years).
std::optional<Term> ParseTerm(absl::string_view amount, absl::string_view unit);

}  // namespace lgsp::dossiers
