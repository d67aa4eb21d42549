#include "services/dossiers/calendar/calendar.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::dossiers {
namespace {

TEST_CASE("calendar: rows that cannot be are refused with file and date") {
  const auto load = [](absl::string_view row) {
    return Calendar::FromCsv("days.csv",
                             absl::StrCat("# source: test\ndate,kind,status,basis\n", row, "\n"))
        .status();
  };
  CHECK(load("2026-01-01,WEEKDAY_OFF,notice,1/TB").ok());
  CHECK(load("2026-01-10,SATURDAY_WORKED,provisional,1/TB").ok());
  for (const absl::string_view row :
       {"2026-02-30,WEEKDAY_OFF,notice,1/TB", "2026-01-01,HOLIDAY,notice,1/TB",
        "2026-01-11,SATURDAY_WORKED,notice,1/TB", "2026-01-10,WEEKDAY_OFF,notice,1/TB",
        "2026-01-01,WEEKDAY_OFF,Notice,1/TB", "2026-01-01,WEEKDAY_OFF,notice,",
        "2026-01-01,WEEKDAY_OFF,notice,1/TB\n2026-01-01,WEEKDAY_OFF,notice,1/TB"}) {
    const absl::Status status = load(row);
    INFO(row << " → " << status);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(ErrorReason(status) == "CSV_INVALID");
    CHECK(status.message().find("days.csv: row 2026-") == 0);
  }
}

}  // namespace
}  // namespace lgsp::dossiers
