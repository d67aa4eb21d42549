// PURE: the days on which civil servants work, by the yearly notices.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::dossiers {

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

}  // namespace lgsp::dossiers
