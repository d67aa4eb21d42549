#include "services/dossiers/calendar/working_hours.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/status/status.h"

namespace lgsp::dossiers {
namespace {

constexpr size_t kTimeLength = 5;
constexpr int kHoursOfDay = 24;
constexpr int kMinutesOfHour = 60;

// `07:30`; `24:00` is the end of the day.
bool ParseTimeOfDay(absl::string_view text, absl::Duration* time) {
  const auto digits = [&](size_t at) {
    return absl::ascii_isdigit(text[at]) && absl::ascii_isdigit(text[at + 1]);
  };
  if (text.size() != kTimeLength || text[2] != ':' || !digits(0) || !digits(3)) return false;
  int hours = 0;
  int minutes = 0;
  if (!absl::SimpleAtoi(text.substr(0, 2), &hours) || !absl::SimpleAtoi(text.substr(3), &minutes) ||
      minutes >= kMinutesOfHour) {
    return false;
  }
  *time = absl::Hours(hours) + absl::Minutes(minutes);
  return *time <= absl::Hours(kHoursOfDay);
}

}  // namespace

absl::StatusOr<WorkingHours> WorkingHours::Parse(absl::string_view text) {
  std::vector<Interval> intervals;
  absl::Duration last = -absl::Minutes(1);
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    Interval interval;
    if (ends.size() != 2 || !ParseTimeOfDay(ends[0], &interval.begin) ||
        !ParseTimeOfDay(ends[1], &interval.end) || interval.begin <= last ||
        interval.end <= interval.begin || intervals.size() == kMaxIntervals) {
      return MakeError(absl::StatusCode::kInvalidArgument, "WORKING_HOURS_INVALID",
                       absl::StrCat("working hours are intervals like 07:00-11:30,13:30-17:00, "
                                    "in order and apart, at most ",
                                    kMaxIntervals));
    }
    last = interval.end;
    intervals.push_back(interval);
  }
  return WorkingHours(std::move(intervals));
}

absl::Duration WorkingHours::Daily() const {
  absl::Duration daily;
  for (const Interval& interval : intervals_) daily += interval.end - interval.begin;
  return daily;
}

absl::Duration WorkingHours::After(absl::Duration worked) const {
  for (const Interval& interval : intervals_) {
    const absl::Duration length = interval.end - interval.begin;
    if (worked <= length) return interval.begin + worked;
    worked -= length;
  }
  return close();
}

}  // namespace lgsp::dossiers
