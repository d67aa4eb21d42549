#include "services/dossiers/calendar/calendar.h"

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "libs/text/csv.h"

namespace lgsp::dossiers {
namespace {

using lgsp::dossiers::v1::DayRun;

absl::Status RowInvalid(absl::string_view name, absl::string_view date, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CSV_INVALID",
                   absl::StrCat(name, ": row ", date, ": ", what), {{"file", name}});
}

bool IsWeekend(absl::CivilDay day) {
  const absl::Weekday weekday = absl::GetWeekday(day);
  return weekday == absl::Weekday::saturday || weekday == absl::Weekday::sunday;
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

}  // namespace lgsp::dossiers
