#include "services/dossiers/calendar/due_date.h"

#include <algorithm>
#include <string>

#include "absl/time/civil_time.h"
#include "libs/clock/clock.h"
#include "libs/clock/timestamp.h"
#include "libs/status/status.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::DueDate;

constexpr int64_t kHundred = 100;
constexpr int kMonthsOfYear = 12;
constexpr absl::Duration kCutOffHour = absl::Hours(15);
constexpr absl::Duration kLastHour = absl::Hours(1);

absl::Time Midnight(absl::CivilDay day) { return absl::FromCivil(day, VietnamZone()); }

// The same day number `months` later, or the last day of that month.
absl::CivilDay AddMonths(absl::CivilDay day, int64_t months) {
  const absl::CivilMonth month = absl::CivilMonth(day) + months;
  const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
  return std::min(absl::CivilDay(month) + (day.day() - 1), last);
}

// A stretch of time in which a term runs.
struct Span {
  absl::Time begin, end;
};

// Goes from day to day and from part to part; says of each day what it was.
class Count {
 public:
  Count(const Calendar& calendar, const DueRules& rules, absl::Time start)
      : calendar_(calendar), rules_(rules), day_(VietnamDay(start)), at_(start) {
    days_.push_back({day_, DayRun::START, ""});
  }

  // Begins with the next working day instead.
  absl::Status BeginNextWorkingDay() {
    RETURN_IF_ERROR(GoToWorkingDay(DayRun::CUT_OFF));
    at_ = Midnight(day_) + rules_.hours.opening();
    return absl::OkStatus();
  }

  absl::Status Add(const Term::Part& part) {
    const int64_t whole = part.hundredths / kHundred;
    switch (part.unit) {
      case Term::Unit::kWorkingDay:
        return AddWorkingDays(whole, part.hundredths % kHundred);
      case Term::Unit::kDay:
        return AddDays((part.hundredths + kHundred - 1) / kHundred);
      case Term::Unit::kMonth:
        return AddUntil(AddMonths(day_, whole));
      case Term::Unit::kYear:
        return AddUntil(AddMonths(day_, whole * kMonthsOfYear));
      case Term::Unit::kHour:
        return AddHours(absl::Hours(1) * part.hundredths / kHundred, /*by_clock=*/false);
      case Term::Unit::kConsecutiveHour:
        return AddHours(absl::Hours(whole), /*by_clock=*/true);
    }
    return absl::OkStatus();
  }

  // The end of DAY, MONTH, YEAR on a day of rest.
  absl::Status Extend() {
    if (calendar_.DayOf(day_).works()) return absl::OkStatus();
    RETURN_IF_ERROR(GoToWorkingDay(DayRun::EXTENDED));
    at_ = CloseOfDay();
    return absl::OkStatus();
  }

  // The next working day, at the same time.
  absl::Status Defer() {
    const absl::Duration time = at_ - Midnight(day_);
    RETURN_IF_ERROR(GoToWorkingDay(DayRun::CUT_OFF));
    at_ = Midnight(day_) + time;
    return absl::OkStatus();
  }

  // What the position's day is.
  absl::StatusOr<Calendar::Day> Today() {
    if (!calendar_.Knows(day_.year())) return CalendarMissing(static_cast<int>(day_.year()));
    provisional_ |= calendar_.IsProvisional(day_.year());
    return calendar_.DayOf(day_);
  }

  DueDate Finish() const;

 private:
  struct Explained {
    absl::CivilDay day;
    DayRun::Kind kind;
    std::string basis;
  };

  absl::StatusOr<Calendar::Day> NextDay() {
    ++day_;
    return Today();
  }
  void Explain(DayRun::Kind kind, absl::string_view basis = "") {
    if (days_.back().day != day_) days_.push_back({day_, kind, ""});
    days_.back() = {day_, kind, std::string(basis)};
  }
  absl::Time CloseOfDay() const { return Midnight(day_) + rules_.hours.close(); }

  // The pause that takes out the position's day, or nullptr. One that begins after `end`, with
  // which the part would end on this day, comes too late.
  const Pause* PauseOfDay(absl::Time end = absl::InfiniteFuture()) const {
    const auto it =
        std::find_if(rules_.pauses.begin(), rules_.pauses.end(), [&](const Pause& pause) {
          return VietnamDay(pause.from) <= day_ && day_ < VietnamDay(pause.to) && pause.from <= end;
        });
    return it == rules_.pauses.end() ? nullptr : &*it;
  }

  // Whatever is paused: days of rest on the way as they are, the working day `as`.
  absl::Status GoToWorkingDay(DayRun::Kind as) {
    for (;;) {
      ASSIGN_OR_RETURN(const Calendar::Day day, NextDay());
      if (day.works()) {
        Explain(as);
        return absl::OkStatus();
      }
      Explain(day.kind, day.basis);
    }
  }

  absl::Status AddWorkingDays(int64_t whole, int64_t hundredths);
  absl::Status AddDays(int64_t days);
  absl::Status AddUntil(absl::CivilDay last);
  absl::Status AddHours(absl::Duration left, bool by_clock);
  absl::StatusOr<std::vector<Span>> SpansToday(bool by_clock);
  std::vector<Span> Open(std::vector<Span> open) const;
  void ExplainIdleDay(const std::vector<Span>& spans);

  const Calendar& calendar_;
  const DueRules& rules_;
  // Where the parts so far have ended.
  absl::CivilDay day_;
  absl::Time at_;
  bool provisional_ = false;
  // From the start's day to day_, without a gap.
  std::vector<Explained> days_;
};

absl::Status Count::AddWorkingDays(int64_t whole, int64_t hundredths) {
  const absl::Duration last_hours =
      hundredths > 0 ? rules_.hours.After(rules_.hours.Daily() * hundredths / kHundred)
                     : rules_.hours.close();
  for (int64_t left = whole + (hundredths > 0 ? 1 : 0); left > 0;) {
    ASSIGN_OR_RETURN(const Calendar::Day day, NextDay());
    const bool last = left == 1 && day.works();
    at_ = Midnight(day_) + last_hours;
    if (const Pause* pause = PauseOfDay(last ? at_ : absl::InfiniteFuture()); pause != nullptr) {
      Explain(pause->kind);
      continue;
    }
    Explain(day.kind, day.basis);
    if (day.works()) --left;
  }
  return absl::OkStatus();
}

absl::Status Count::AddDays(int64_t days) {
  while (days > 0) {
    RETURN_IF_ERROR(NextDay().status());
    at_ = CloseOfDay();
    const Pause* pause = PauseOfDay(days == 1 ? at_ : absl::InfiniteFuture());
    Explain(pause == nullptr ? DayRun::COUNTED : pause->kind);
    if (pause == nullptr) --days;
  }
  return absl::OkStatus();
}

absl::Status Count::AddUntil(absl::CivilDay last) {
  while (day_ < last) {
    RETURN_IF_ERROR(NextDay().status());
    at_ = CloseOfDay();
    const Pause* pause = PauseOfDay(day_ == last ? at_ : absl::InfiniteFuture());
    Explain(pause == nullptr ? DayRun::COUNTED : pause->kind);
    if (pause != nullptr) ++last;
  }
  return absl::OkStatus();
}

// The stretches of the position's day in which the agency, or the clock, works.
absl::StatusOr<std::vector<Span>> Count::SpansToday(bool by_clock) {
  const absl::Time midnight = Midnight(day_);
  if (by_clock) return std::vector<Span>{{midnight, Midnight(day_ + 1)}};
  std::vector<Span> spans;
  ASSIGN_OR_RETURN(const Calendar::Day day, Today());
  if (!day.works()) return spans;
  for (const WorkingHours::Interval& interval : rules_.hours.intervals()) {
    spans.push_back({midnight + interval.begin, midnight + interval.end});
  }
  return spans;
}

// Those of `spans` in which the term runs: from the position on, without the pauses.
std::vector<Span> Count::Open(std::vector<Span> open) const {
  // Past times and pauses cut away.
  std::vector<Pause> closed = rules_.pauses;
  closed.push_back({absl::InfinitePast(), at_, DayRun::KIND_UNSPECIFIED});
  for (const Pause& pause : closed) {
    std::vector<Span> rest;
    for (const Span& span : open) {
      if (span.begin < pause.from) rest.push_back({span.begin, std::min(span.end, pause.from)});
      if (pause.to < span.end) rest.push_back({std::max(span.begin, pause.to), span.end});
    }
    open = std::move(rest);
  }
  return open;
}

// A day with these spans on which nothing of the term ran.
void Count::ExplainIdleDay(const std::vector<Span>& spans) {
  // The position's day has its kind already.
  if (days_.back().day == day_) return;
  if (spans.empty()) {
    const Calendar::Day day = calendar_.DayOf(day_);
    const Pause* pause = PauseOfDay();
    return pause == nullptr ? Explain(day.kind, day.basis) : Explain(pause->kind);
  }
  // Only pauses can have left nothing; the first of them.
  for (const Pause& pause : rules_.pauses) {
    const auto meets = [&](const Span& s) { return pause.from < s.end && s.begin < pause.to; };
    if (std::any_of(spans.begin(), spans.end(), meets)) return Explain(pause.kind);
  }
}

absl::Status Count::AddHours(absl::Duration left, bool by_clock) {
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<Span> spans, SpansToday(by_clock));
    const std::vector<Span> open = Open(spans);
    for (const Span& span : open) {
      Explain(DayRun::HOURS);
      if (left <= span.end - span.begin) {
        at_ = span.begin + left;
        if (at_ < Midnight(day_ + 1)) return absl::OkStatus();
        // By the clock the end of a day is the beginning of the next.
        RETURN_IF_ERROR(NextDay().status());
        Explain(DayRun::HOURS);
        return absl::OkStatus();
      }
      left -= span.end - span.begin;
    }
    if (open.empty()) ExplainIdleDay(spans);
    RETURN_IF_ERROR(NextDay().status());
  }
}

DueDate Count::Finish() const {
  DueDate due;
  *due.mutable_due_time() = ToTimestamp(at_);
  due.set_provisional(provisional_);
  for (const Explained& one : days_) {
    const int n = due.explanation_size();
    if (n > 0 && due.explanation(n - 1).kind() == one.kind &&
        due.explanation(n - 1).basis() == one.basis) {
      due.mutable_explanation(n - 1)->set_last_day(FormatDay(one.day));
      continue;
    }
    DayRun* run = due.add_explanation();
    run->set_first_day(FormatDay(one.day));
    run->set_last_day(FormatDay(one.day));
    run->set_kind(one.kind);
    run->set_basis(one.basis);
  }
  return due;
}

// Whether the term begins with the next working day instead.
absl::StatusOr<bool> BeginsLater(const DueRules& rules, absl::Time start, Count& count) {
  if (rules.cut_off != CutOff::kLastWorkingHour) return false;
  ASSIGN_OR_RETURN(const Calendar::Day day, count.Today());
  const absl::Duration time = start - Midnight(VietnamDay(start));
  return day.works() && time >= rules.hours.close() - kLastHour;
}

}  // namespace

absl::StatusOr<DueDate> ComputeDue(const Calendar& calendar, const DueRules& rules,
                                   const Term& term, absl::Time start) {
  Count count(calendar, rules, start);
  ASSIGN_OR_RETURN(const bool later, BeginsLater(rules, start, count));
  if (later) RETURN_IF_ERROR(count.BeginNextWorkingDay());
  for (const Term::Part& part : term.parts) RETURN_IF_ERROR(count.Add(part));
  const Term::Unit last = term.parts.back().unit;
  if (last == Term::Unit::kDay || last == Term::Unit::kMonth || last == Term::Unit::kYear) {
    RETURN_IF_ERROR(count.Extend());
  }
  const bool after_15 = start - Midnight(VietnamDay(start)) > kCutOffHour;
  if (rules.cut_off == CutOff::kAfter15 && after_15) RETURN_IF_ERROR(count.Defer());
  return count.Finish();
}

}  // namespace lgsp::dossiers
