#include "services/dossiers/calendar.h"

#include <catch2/catch.hpp>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "libs/clock/clock.h"
#include "libs/config/config.h"
#include "libs/status/status.h"
#include "services/dossiers/oracle_test.h"

namespace lgsp::dossiers {
namespace {

using google::protobuf::util::TimeUtil;
using lgsp::dossiers::v1::DayRun;
using lgsp::dossiers::v1::DueDate;

constexpr int kRandomCases = 4000;

const Calendar& TheCalendar() {
  static const Calendar calendar = [] {
    const auto content = config::ReadFile(SourceFile(kDaysPath));
    REQUIRE(content.ok());
    auto loaded = Calendar::FromCsv("days", *content);
    REQUIRE(loaded.ok());
    return *std::move(loaded);
  }();
  return calendar;
}

// `2026-11-23 10:15` in Vietnam.
absl::Time At(absl::string_view text) {
  absl::Time time;
  std::string error;
  INFO(text);
  REQUIRE(absl::ParseTime("%Y-%m-%d %H:%M", text, VietnamZone(), &time, &error));
  return time;
}

absl::Time DueTime(const DueDate& due) {
  return absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(due.due_time()));
}

// `2026-11-20=START 2026-11-21..2026-11-22=WEEKEND`
std::string Explained(const DueDate& due) {
  return absl::StrJoin(due.explanation(), " ", [](std::string* out, const DayRun& run) {
    absl::StrAppend(out, run.first_day(),
                    run.first_day() == run.last_day() ? "" : absl::StrCat("..", run.last_day()),
                    "=", DayRun::Kind_Name(run.kind()));
  });
}

DueDate Due(absl::string_view start, absl::string_view amount, absl::string_view unit) {
  const auto term = ParseTerm(amount, unit);
  REQUIRE(term.has_value());
  const auto due = ComputeDue(TheCalendar(), At(start), *term);
  INFO(due.status());
  REQUIRE(due.ok());
  return *due;
}

TEST_CASE("calendar: due dates counted by hand") {
  struct Case {
    absl::string_view what, start, amount, unit, due, explanation;
  };
  const Case cases[] = {
      {"the day of acceptance is not counted (Civil Code 147.2)", "2026-11-16 07:30", "1",
       "WORKING_DAY", "2026-11-17 17:00", "2026-11-16=START 2026-11-17=COUNTED"},
      {"nor is it when accepted after hours", "2026-11-16 23:59", "1", "WORKING_DAY",
       "2026-11-17 17:00", "2026-11-16=START 2026-11-17=COUNTED"},
      {"a weekend and Vietnamese Culture Day, 24 November", "2026-11-20 09:00", "2", "WORKING_DAY",
       "2026-11-25 17:00",
       "2026-11-20=START 2026-11-21..2026-11-22=WEEKEND 2026-11-23=COUNTED 2026-11-24=DAY_OFF "
       "2026-11-25=COUNTED"},
      {"a worked Saturday counts, 22 August 2026", "2026-08-21 09:00", "1", "WORKING_DAY",
       "2026-08-22 17:00", "2026-08-21=START 2026-08-22=WORKED_SATURDAY"},
      {"and the day off for which it was worked does not, 31 August", "2026-08-28 09:00", "1",
       "WORKING_DAY", "2026-09-03 17:00",
       "2026-08-28=START 2026-08-29..2026-08-30=WEEKEND 2026-08-31..2026-09-02=DAY_OFF "
       "2026-09-03=COUNTED"},
      {"accepted on a day of rest", "2026-11-21 10:00", "1", "WORKING_DAY", "2026-11-23 17:00",
       "2026-11-21=START 2026-11-22=WEEKEND 2026-11-23=COUNTED"},
      {"Tet 2026", "2026-02-13 10:00", "3", "WORKING_DAY", "2026-02-25 17:00",
       "2026-02-13=START 2026-02-14..2026-02-15=WEEKEND 2026-02-16..2026-02-20=DAY_OFF "
       "2026-02-21..2026-02-22=WEEKEND 2026-02-23..2026-02-25=COUNTED"},
      {"half a day: until 11:00 of the next working day", "2026-11-16 09:00", "3.5", "WORKING_DAY",
       "2026-11-20 11:00", "2026-11-16=START 2026-11-17..2026-11-20=COUNTED"},
      {"a quarter: two hours", "2026-11-16 09:00", "0.25", "WORKING_DAY", "2026-11-17 09:00",
       "2026-11-16=START 2026-11-17=COUNTED"},
      {"three quarters: six hours, beyond noon", "2026-11-16 09:00", "0.75", "WORKING_DAY",
       "2026-11-17 15:00", "2026-11-16=START 2026-11-17=COUNTED"},
      {"DAY: every day counts", "2026-11-16 09:00", "10", "DAY", "2026-11-26 17:00",
       "2026-11-16=START 2026-11-17..2026-11-26=COUNTED"},
      {"DAY: an end on a Saturday moves to Monday (148.5)", "2026-11-16 09:00", "5", "DAY",
       "2026-11-23 17:00",
       "2026-11-16=START 2026-11-17..2026-11-21=COUNTED 2026-11-22=WEEKEND 2026-11-23=EXTENDED"},
      {"DAY: an end on a worked Saturday stays", "2026-08-12 09:00", "10", "DAY",
       "2026-08-22 17:00", "2026-08-12=START 2026-08-13..2026-08-22=COUNTED"},
      {"DAY: an end on 24 November moves by one day", "2026-11-20 09:00", "4", "DAY",
       "2026-11-25 17:00", "2026-11-20=START 2026-11-21..2026-11-24=COUNTED 2026-11-25=EXTENDED"},
      {"DAY: a part of a day is a day", "2026-11-16 09:00", "1.5", "DAY", "2026-11-18 17:00",
       "2026-11-16=START 2026-11-17..2026-11-18=COUNTED"},
      {"the day is Vietnam's: 23:30 UTC of the 15th is the 16th", "2026-11-16 06:30", "1", "DAY",
       "2026-11-17 17:00", "2026-11-16=START 2026-11-17=COUNTED"},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    const DueDate due = Due(c.start, c.amount, c.unit);
    CHECK(absl::FormatTime("%Y-%m-%d %H:%M", DueTime(due), VietnamZone()) == c.due);
    CHECK(Explained(due) == c.explanation);
    CHECK_FALSE(due.provisional());
  }
}

TEST_CASE("calendar: days off and worked Saturdays name their notice") {
  const DueDate due = Due("2026-08-21 09:00", "8", "WORKING_DAY");
  for (const DayRun& run : due.explanation()) {
    INFO(run.ShortDebugString());
    const bool rests_on_notice =
        run.kind() == DayRun::DAY_OFF || run.kind() == DayRun::WORKED_SATURDAY;
    CHECK((run.basis().find("9441/TB-BNV") != std::string::npos) == rests_on_notice);
  }
}

TEST_CASE("calendar: across years whose notice is not out, or not on file") {
  const DueDate within = Due("2026-12-30 09:00", "1", "WORKING_DAY");
  CHECK_FALSE(within.provisional());
  const DueDate across = Due("2026-12-31 09:00", "1", "WORKING_DAY");
  CHECK(across.provisional());
  CHECK(DueTime(across) == At("2027-01-04 17:00"));
  // Only the last day of rest lies in the new year.
  CHECK(Due("2026-12-30 09:00", "2", "DAY").provisional());

  const auto into_2028 = ComputeDue(TheCalendar(), At("2027-12-30 09:00"), {200});
  CHECK(into_2028.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrorReason(into_2028.status()) == "CALENDAR_MISSING");
  CHECK(into_2028.status().message().find("2028") != std::string::npos);
  CHECK(ErrorReason(ComputeDue(TheCalendar(), At("2020-06-01 09:00"), {100}).status()) ==
        "CALENDAR_MISSING");
}

TEST_CASE("calendar: terms as printed") {
  const auto hundredths = [](absl::string_view amount, absl::string_view unit) {
    const auto term = ParseTerm(amount, unit);
    return term.has_value() ? term->hundredths : 0;
  };
  CHECK(hundredths("5", "WORKING_DAY") == 500);
  CHECK(hundredths("3.5", "WORKING_DAY") == 350);
  CHECK(hundredths("6.25", "WORKING_DAY") == 625);
  CHECK(hundredths("12.05", "DAY") == 1205);
  CHECK(hundredths("3660", "DAY") == 366000);
  CHECK(ParseTerm("5", "DAY")->unit == Term::Unit::kDay);
  CHECK(ParseTerm("5", "WORKING_DAY")->unit == Term::Unit::kWorkingDay);
  for (const absl::string_view amount :
       {"", "0", "0.0", "-1", "+1", " 1", "1 ", "1.", ".5", "1.-5", "1.+5", "1. 5", "1.234",
        "1.2.3", "1,5", "3661", "99999999999999999999", "5 ngày"}) {
    INFO("amount `" << amount << "`");
    CHECK_FALSE(ParseTerm(amount, "WORKING_DAY").has_value());
  }
  for (const absl::string_view unit : {"HOUR", "MONTH", "YEAR", "OTHER", "", "day"}) {
    CHECK_FALSE(ParseTerm("5", unit).has_value());
  }
}

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

// One line for calendar_oracle.py.
std::string Line(absl::Time start, absl::string_view amount, absl::string_view unit) {
  const auto due = ComputeDue(TheCalendar(), start, *ParseTerm(amount, unit));
  const auto text = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", time, VietnamZone());
  };
  if (!due.ok()) {
    const std::string message(due.status().message());
    return absl::StrCat(text(start), "\t", ErrorReason(due.status()), " ",
                        message.substr(message.size() - 4), "\t", amount, "\t", unit, "\t-\t-\n");
  }
  const auto whole = [](std::string* out, const DayRun& run) {
    absl::StrAppend(out, run.first_day(), "..", run.last_day(), "=", DayRun::Kind_Name(run.kind()));
  };
  return absl::StrCat(text(start), "\t", text(DueTime(*due)), "\t", amount, "\t", unit, "\t",
                      due->provisional() ? "provisional" : "final", "\t",
                      absl::StrJoin(due->explanation(), " ", whole), "\n");
}

TEST_CASE("calendar: agrees with the oracle on every day and on random terms") {
  std::string cases;
  int count = 0;
  // Every day from 2020 (not on file) to 2028 (not on file), with one short term of each unit.
  for (absl::CivilDay day(2020, 12, 20); day < absl::CivilDay(2028, 1, 10); ++day) {
    const absl::Time start = absl::FromCivil(day, VietnamZone()) + absl::Hours(10);
    for (const absl::string_view unit : {"WORKING_DAY", "DAY"}) {
      for (const absl::string_view amount : {"1", "3.5"}) {
        cases += Line(start, amount, unit);
        ++count;
      }
    }
  }
  const uint64_t seed = absl::Uniform<uint64_t>(absl::BitGen());
  INFO("seed " << seed);
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  std::mt19937_64 random(sequence);
  const absl::Time first = At("2020-12-01 00:00");
  const absl::Time last = At("2028-02-01 00:00");
  for (int i = 0; i < kRandomCases; ++i) {
    const absl::Time start =
        first + absl::Seconds(absl::Uniform<int64_t>(random, 0, (last - first) / absl::Seconds(1)));
    const int quarters = absl::Uniform(random, 1, i % 10 == 0 ? 4000 : 200);
    const absl::string_view parts[] = {"", ".25", ".5", ".75"};
    const std::string amount = absl::StrCat(quarters / 4, parts[quarters % 4]);
    cases += Line(start, amount, i % 2 == 0 ? "DAY" : "WORKING_DAY");
    ++count;
  }
  CHECK(AskOracle("calendar_oracle.py", SourceFile(kDaysPath), cases) ==
        absl::StrCat(count, " checked, 0 wrong\n"));
}

}  // namespace
}  // namespace lgsp::dossiers
