#include "services/dossiers/calendar.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/time_util.h"
#include "libs/clock/clock.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"
#include "services/dossiers/errors.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::TimeUtil;
using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::DueDate;

constexpr int64_t kMaxTermDays = 3660;
constexpr size_t kMaxTermDigits = 4;

absl::Status RowInvalid(absl::string_view name, absl::string_view date, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CSV_INVALID",
                   absl::StrCat(name, ": row ", date, ": ", what), {{"file", name}});
}

bool IsWeekend(absl::CivilDay day) {
  const absl::Weekday weekday = absl::GetWeekday(day);
  return weekday == absl::Weekday::saturday || weekday == absl::Weekday::sunday;
}

// Adds a day to the explanation, joined to the run before it when it counts alike.
void Explain(DueDate& due, absl::CivilDay day, DayRun::Kind kind, absl::string_view basis) {
  const int n = due.explanation_size();
  if (n > 0 && due.explanation(n - 1).kind() == kind && due.explanation(n - 1).basis() == basis) {
    due.mutable_explanation(n - 1)->set_last_day(FormatDay(day));
    return;
  }
  DayRun* run = due.add_explanation();
  run->set_first_day(FormatDay(day));
  run->set_last_day(FormatDay(day));
  run->set_kind(kind);
  run->set_basis(std::string(basis));
}

// Steps from day to day, watching that every year is known.
class Walk {
 public:
  Walk(const Calendar& calendar, absl::CivilDay start, DueDate& due)
      : calendar_(calendar), day_(start), due_(due) {}

  absl::StatusOr<Calendar::Day> NextDay() {
    ++day_;
    if (!calendar_.Knows(day_.year())) return CalendarMissing(static_cast<int>(day_.year()));
    if (calendar_.IsProvisional(day_.year())) due_.set_provisional(true);
    return calendar_.DayOf(day_);
  }
  absl::CivilDay day() const { return day_; }

  // Goes to the next working day, explained as `worked` when given; days of rest on the way as they
  // are.
  absl::Status NextWorkingDay(std::optional<DayRun::Kind> worked = std::nullopt) {
    for (;;) {
      ASSIGN_OR_RETURN(const Calendar::Day day, NextDay());
      Explain(due_, day_, day.works() && worked.has_value() ? *worked : day.kind, day.basis);
      if (day.works()) return absl::OkStatus();
    }
  }

 private:
  const Calendar& calendar_;
  absl::CivilDay day_;
  DueDate& due_;
};

// The moment at which `hundredths` of a working day have passed since its opening.
absl::Duration HoursInto(int64_t hundredths) {
  const absl::Duration morning = kMorningEnd - kMorningBegin;
  const absl::Duration daily = morning + (kAfternoonEnd - kAfternoonBegin);
  const absl::Duration worked = daily * hundredths / 100;
  return worked <= morning ? kMorningBegin + worked : kAfternoonBegin + (worked - morning);
}

void SetDueTime(DueDate& due, absl::CivilDay day, absl::Duration time_of_day) {
  const absl::Time time = absl::FromCivil(day, VietnamZone()) + time_of_day;
  *due.mutable_due_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

absl::Status CountWorkingDays(Walk& walk, int64_t hundredths, DueDate& due) {
  const int64_t whole = hundredths / 100;
  const int64_t fraction = hundredths % 100;
  for (int64_t i = 0; i < whole + (fraction > 0 ? 1 : 0); ++i)
    RETURN_IF_ERROR(walk.NextWorkingDay());
  SetDueTime(due, walk.day(), fraction > 0 ? HoursInto(fraction) : kAfternoonEnd);
  return absl::OkStatus();
}

absl::Status CountDays(Walk& walk, int64_t hundredths, DueDate& due) {
  bool works = true;
  for (int64_t i = 0; i < (hundredths + 99) / 100; ++i) {
    ASSIGN_OR_RETURN(const Calendar::Day day, walk.NextDay());
    works = day.works();
    Explain(due, walk.day(), DayRun::COUNTED, "");
  }
  if (!works) RETURN_IF_ERROR(walk.NextWorkingDay(DayRun::EXTENDED));
  SetDueTime(due, walk.day(), kAfternoonEnd);
  return absl::OkStatus();
}

// 1 to `max` digits, and nothing else.
bool IsDigits(absl::string_view text, size_t max) {
  return !text.empty() && text.size() <= max &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

}  // namespace

bool Calendar::Day::works() const {
  return kind == DayRun::COUNTED || kind == DayRun::WORKED_SATURDAY;
}

absl::StatusOr<Calendar> Calendar::FromCsv(absl::string_view name, absl::string_view content) {
  ASSIGN_OR_RETURN(const text::CsvTable table,
                   text::ParseCsv(name, content, {"date", "kind", "status", "basis"}));
  Calendar calendar;
  for (const auto& row : table.rows) {
    const std::string &date = row[0], &kind = row[1], &status = row[2], &basis = row[3];
    absl::CivilDay day;
    if (!absl::ParseCivilTime(date, &day)) return RowInvalid(name, date, "is not a day");
    Day special;
    special.basis = basis;
    if (kind == "WEEKDAY_OFF" && !IsWeekend(day)) {
      special.kind = DayRun::DAY_OFF;
    } else if (kind == "SATURDAY_WORKED" && absl::GetWeekday(day) == absl::Weekday::saturday) {
      special.kind = DayRun::WORKED_SATURDAY;
    } else {
      return RowInvalid(name, date, "is neither a weekday off nor a worked Saturday");
    }
    if (basis.empty()) return RowInvalid(name, date, "names no basis");
    if (!calendar.special_.emplace(day, special).second) {
      return RowInvalid(name, date, "occurs twice");
    }
    calendar.years_.insert(day.year());
    if (status == "provisional") {
      calendar.provisional_.insert(day.year());
    } else if (status != "notice") {
      return RowInvalid(name, date, "is neither by notice nor provisional");
    }
  }
  return calendar;
}

Calendar::Day Calendar::DayOf(absl::CivilDay day) const {
  if (const auto it = special_.find(day); it != special_.end()) return it->second;
  return {IsWeekend(day) ? DayRun::WEEKEND : DayRun::COUNTED, ""};
}

absl::StatusOr<DueDate> ComputeDue(const Calendar& calendar, absl::Time start, Term term) {
  DueDate due;
  const absl::CivilDay first = VietnamDay(start);
  Explain(due, first, DayRun::START, "");
  Walk walk(calendar, first, due);
  RETURN_IF_ERROR(term.unit == Term::Unit::kDay ? CountDays(walk, term.hundredths, due)
                                                : CountWorkingDays(walk, term.hundredths, due));
  return due;
}

std::optional<Term> ParseTerm(absl::string_view amount, absl::string_view unit) {
  Term term;
  if (unit == "DAY") {
    term.unit = Term::Unit::kDay;
  } else if (unit != "WORKING_DAY") {
    return std::nullopt;
  }
  const std::vector<std::string> parts = absl::StrSplit(amount, '.');
  if (parts.size() > 2 || !IsDigits(parts[0], kMaxTermDigits)) return std::nullopt;
  int64_t whole = 0;
  int64_t hundredths = 0;
  if (!absl::SimpleAtoi(parts[0], &whole) || whole > kMaxTermDays) return std::nullopt;
  if (parts.size() == 2) {
    if (!IsDigits(parts[1], 2) || !absl::SimpleAtoi(parts[1], &hundredths)) return std::nullopt;
    // `.5` are 50 hundredths.
    if (parts[1].size() == 1) hundredths *= 10;
  }
  term.hundredths = whole * 100 + hundredths;
  if (term.hundredths == 0) return std::nullopt;
  return term;
}

}  // namespace lgsp::dossiers
