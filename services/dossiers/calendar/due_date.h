// PURE: due dates by Civil Code art. 147-148, the yearly notices on days off and the rules of a
// procedure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"
#include "services/dossiers/calendar/calendar.h"
#include "services/dossiers/calendar/term.h"
#include "services/dossiers/calendar/working_hours.h"

namespace lgsp::dossiers {

// What becomes of a start late in the day.
enum class CutOff {
  kNone,
  // The page has an hour-15 rule: started after 15:00, the result comes a working day later.
  kAfter15,
  // Linked procedures (Decree 297/2025 art. 6.3): started in the last working hour or later, the
  // term begins with the next working day.
  kLastWorkingHour,
};

// A time in which the agency waited for somebody else and the term did not run; `kind` says for
// whom: SUPPLEMENT, PAYMENT or OTHER_AGENCY.
struct Pause {
  absl::Time from, to;
  lgsp::dossiers::v1::DayRun::Kind kind;
};

// The circumstances of one term.
struct DueRules {
  // Of the agency that settles.
  const WorkingHours& hours;
  CutOff cut_off = CutOff::kNone;
  // In order, not overlapping, all ended.
  std::vector<Pause> pauses = {};
};

// When `term`, begun at `start`, is due, with the explanation; the term's row, amount and unit are
// left to the caller. `provisional` when a day of a provisional year is crossed;
// FAILED_PRECONDITION CALENDAR_MISSING when one of an unknown year is.
//
// The day of the start is not counted (art. 147.2). Each part begins where the one before ended.
// - WORKING_DAY ends with the close of the last counted day; a fraction is that part of the daily
//   hours, on the next working day.
// - DAY counts every day, a fraction as a whole one. MONTH and YEAR end on the same day number, or
//   on the last day of a month without it (art. 148.3). When such a part is the last and ends on a
//   day of rest, the end moves to the next working day (art. 148.5).
// - HOUR runs at once, within working hours (art. 147.1); CONSECUTIVE_HOUR by the clock.
// - A pause takes out the days from its first to the one before its last, hours to the second. The
//   day of the answer counts as the rest of the day of the question. One that begins after the
//   term's end changes nothing.
absl::StatusOr<lgsp::dossiers::v1::DueDate> ComputeDue(const Calendar& calendar,
                                                       const DueRules& rules, const Term& term,
                                                       absl::Time start);

}  // namespace lgsp::dossiers
