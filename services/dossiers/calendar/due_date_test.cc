// Due dates: the rules of reference law as named cases, and whatever a program in Python makes of
// thousands of others.
#include "services/dossiers/calendar/due_date.h"

#include <catch2/catch.hpp>
#include <random>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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

constexpr int kRandomCases = 5000;
constexpr char kUsualHours[] = "07:00-11:30,13:30-17:00";

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

constexpr char kMinutes[] = "%Y-%m-%d %H:%M";
constexpr char kRfc3339[] = "%Y-%m-%dT%H:%M:%E*S%Ez";

// `2026-11-23 10:15` in Vietnam.
absl::Time At(absl::string_view text) {
  absl::Time time;
  std::string error;
  INFO(text);
  REQUIRE(absl::ParseTime(kMinutes, text, VietnamZone(), &time, &error));
  return time;
}

std::string Text(absl::string_view format, absl::Time time) {
  return absl::FormatTime(format, time, VietnamZone());
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

// The circumstances of a case, as one writes them.
struct Circumstances {
  std::string hours = kUsualHours;
  CutOff cut_off = CutOff::kNone;
  std::vector<Pause> pauses = {};
};

absl::StatusOr<DueDate> Compute(absl::Time start, absl::string_view term,
                                const Circumstances& circumstances = {}) {
  const auto parsed = ParseTerm(term);
  INFO(term);
  REQUIRE(parsed.has_value());
  const auto hours = WorkingHours::Parse(circumstances.hours);
  INFO(hours.status());
  REQUIRE(hours.ok());
  const DueRules rules{*hours, circumstances.cut_off, circumstances.pauses};
  return ComputeDue(TheCalendar(), rules, *parsed, start);
}

DueDate Due(absl::string_view start, absl::string_view term,
            const Circumstances& circumstances = {}) {
  const auto due = Compute(At(start), term, circumstances);
  INFO(due.status());
  REQUIRE(due.ok());
  return *due;
}

struct Case {
  absl::string_view what, start, term, due, explanation;
  Circumstances circumstances = {};
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.what);
    const DueDate due = Due(c.start, c.term, c.circumstances);
    CHECK(Text(kMinutes, DueTime(due)) == c.due);
    CHECK(Explained(due) == c.explanation);
    CHECK_FALSE(due.provisional());
  }
}

TEST_CASE("due: working days counted by hand") {
  Check({
      {"the day of acceptance is not counted (Civil Code 147.2)", "2026-11-16 07:30",
       "1 WORKING_DAY", "2026-11-17 17:00", "2026-11-16=START 2026-11-17=COUNTED"},
      {"nor is it when accepted after hours", "2026-11-16 23:59", "1 WORKING_DAY",
       "2026-11-17 17:00", "2026-11-16=START 2026-11-17=COUNTED"},
      {"a weekend and Vietnamese Culture Day, 24 November", "2026-11-20 09:00", "2 WORKING_DAY",
       "2026-11-25 17:00",
       "2026-11-20=START 2026-11-21..2026-11-22=WEEKEND 2026-11-23=COUNTED 2026-11-24=DAY_OFF "
       "2026-11-25=COUNTED"},
      {"a worked Saturday counts, 22 August 2026", "2026-08-21 09:00", "1 WORKING_DAY",
       "2026-08-22 17:00", "2026-08-21=START 2026-08-22=WORKED_SATURDAY"},
      {"and the day off for which it was worked does not, 31 August", "2026-08-28 09:00",
       "1 WORKING_DAY", "2026-09-03 17:00",
       "2026-08-28=START 2026-08-29..2026-08-30=WEEKEND 2026-08-31..2026-09-02=DAY_OFF "
       "2026-09-03=COUNTED"},
      {"accepted on a day of rest", "2026-11-21 10:00", "1 WORKING_DAY", "2026-11-23 17:00",
       "2026-11-21=START 2026-11-22=WEEKEND 2026-11-23=COUNTED"},
      {"Tet 2026", "2026-02-13 10:00", "3 WORKING_DAY", "2026-02-25 17:00",
       "2026-02-13=START 2026-02-14..2026-02-15=WEEKEND 2026-02-16..2026-02-20=DAY_OFF "
       "2026-02-21..2026-02-22=WEEKEND 2026-02-23..2026-02-25=COUNTED"},
      {"half a day: until 11:00 of the next working day", "2026-11-16 09:00", "3.5 WORKING_DAY",
       "2026-11-20 11:00", "2026-11-16=START 2026-11-17..2026-11-20=COUNTED"},
      {"half a day of an agency that begins at 7:30",
       "2026-11-16 09:00",
       "3.5 WORKING_DAY",
       "2026-11-20 11:30",
       "2026-11-16=START 2026-11-17..2026-11-20=COUNTED",
       {.hours = "07:30-11:30,13:30-17:30"}},
      {"a quarter: two hours", "2026-11-16 09:00", "0.25 WORKING_DAY", "2026-11-17 09:00",
       "2026-11-16=START 2026-11-17=COUNTED"},
      {"three quarters: six hours, beyond noon", "2026-11-16 09:00", "0.75 WORKING_DAY",
       "2026-11-17 15:00", "2026-11-16=START 2026-11-17=COUNTED"},
  });
}

TEST_CASE("due: days, months and years of the calendar") {
  Check({
      {"every day counts", "2026-11-16 09:00", "10 DAY", "2026-11-26 17:00",
       "2026-11-16=START 2026-11-17..2026-11-26=COUNTED"},
      {"an end on a Saturday moves to Monday (148.5)", "2026-11-16 09:00", "5 DAY",
       "2026-11-23 17:00",
       "2026-11-16=START 2026-11-17..2026-11-21=COUNTED 2026-11-22=WEEKEND 2026-11-23=EXTENDED"},
      {"an end on a worked Saturday stays", "2026-08-12 09:00", "10 DAY", "2026-08-22 17:00",
       "2026-08-12=START 2026-08-13..2026-08-22=COUNTED"},
      {"an end on 24 November moves by one day", "2026-11-20 09:00", "4 DAY", "2026-11-25 17:00",
       "2026-11-20=START 2026-11-21..2026-11-24=COUNTED 2026-11-25=EXTENDED"},
      {"a part of a day is a day", "2026-11-16 09:00", "1.5 DAY", "2026-11-18 17:00",
       "2026-11-16=START 2026-11-17..2026-11-18=COUNTED"},
      {"the day is Vietnam's: 23:30 UTC of the 15th is the 16th", "2026-11-16 06:30", "1 DAY",
       "2026-11-17 17:00", "2026-11-16=START 2026-11-17=COUNTED"},
      {"31 January and one month: the last day of February (148.3), a Saturday in 2026",
       "2026-01-31 09:00", "1 MONTH", "2026-03-02 17:00",
       "2026-01-31=START 2026-02-01..2026-02-28=COUNTED 2026-03-01=WEEKEND 2026-03-02=EXTENDED"},
      {"31 January of a leap year and one month", "2024-01-31 09:00", "1 MONTH", "2024-02-29 17:00",
       "2024-01-31=START 2024-02-01..2024-02-29=COUNTED"},
      {"the same day number", "2026-03-16 09:00", "2 MONTH", "2026-05-18 17:00",
       "2026-03-16=START 2026-03-17..2026-05-16=COUNTED 2026-05-17=WEEKEND 2026-05-18=EXTENDED"},
      {"29 February and one year", "2024-02-29 09:00", "1 YEAR", "2025-02-28 17:00",
       "2024-02-29=START 2024-03-01..2025-02-28=COUNTED"},
  });
}

TEST_CASE("due: hours run at once") {
  Check({
      {"within the morning", "2026-11-16 08:00", "2 HOUR", "2026-11-16 10:00", "2026-11-16=HOURS"},
      {"across noon", "2026-11-16 10:30", "2 HOUR", "2026-11-16 14:30", "2026-11-16=HOURS"},
      {"to the last minute before noon, not the first after", "2026-11-16 09:30", "2 HOUR",
       "2026-11-16 11:30", "2026-11-16=HOURS"},
      {"into the next working day", "2026-11-20 16:00", "8 HOUR", "2026-11-23 16:00",
       "2026-11-20=HOURS 2026-11-21..2026-11-22=WEEKEND 2026-11-23=HOURS"},
      {"accepted after hours", "2026-11-16 18:00", "1 HOUR", "2026-11-17 08:00",
       "2026-11-16=START 2026-11-17=HOURS"},
      {"accepted on a day off", "2026-11-24 09:00", "4 HOUR", "2026-11-25 11:00",
       "2026-11-24=START 2026-11-25=HOURS"},
      {"56 hours are seven working days", "2026-11-02 07:00", "56 HOUR", "2026-11-10 17:00",
       "2026-11-02..2026-11-06=HOURS 2026-11-07..2026-11-08=WEEKEND "
       "2026-11-09..2026-11-10=HOURS"},
      {"the protection of persons runs by the clock", "2026-11-20 20:00", "12 CONSECUTIVE_HOUR",
       "2026-11-21 08:00", "2026-11-20..2026-11-21=HOURS"},
  });
}

TEST_CASE("due: parts of a compound term add from left to right") {
  Check({
      {"working days, then days", "2026-11-16 09:00", "3 WORKING_DAY + 5 DAY", "2026-11-25 17:00",
       "2026-11-16=START 2026-11-17..2026-11-24=COUNTED 2026-11-25=EXTENDED"},
      {"an end on a day of rest between the parts does not move", "2026-11-16 09:00",
       "5 DAY + 1 WORKING_DAY", "2026-11-23 17:00",
       "2026-11-16=START 2026-11-17..2026-11-21=COUNTED 2026-11-22=WEEKEND 2026-11-23=COUNTED"},
      {"hours after days begin with the next opening", "2026-11-16 09:00", "1 DAY + 4 HOUR",
       "2026-11-18 11:00", "2026-11-16=START 2026-11-17=COUNTED 2026-11-18=HOURS"},
      {"hours after half a day go on", "2026-11-16 09:00", "0.5 WORKING_DAY + 4 HOUR",
       "2026-11-17 17:00", "2026-11-16=START 2026-11-17=HOURS"},
  });
}

TEST_CASE("due: a start late in the day") {
  const Circumstances after_15{.cut_off = CutOff::kAfter15};
  const Circumstances last_hour{.cut_off = CutOff::kLastWorkingHour};
  Check({
      {"at 15:00 nothing changes", "2026-11-16 15:00", "3 WORKING_DAY", "2026-11-19 17:00",
       "2026-11-16=START 2026-11-17..2026-11-19=COUNTED", after_15},
      {"after 15:00 the result comes a working day later", "2026-11-16 15:01", "4 WORKING_DAY",
       "2026-11-23 17:00",
       "2026-11-16=START 2026-11-17..2026-11-20=COUNTED 2026-11-21..2026-11-22=WEEKEND "
       "2026-11-23=CUT_OFF",
       after_15},
      {"an hour before the close the term begins with the next working day", "2026-11-20 16:00",
       "1 WORKING_DAY", "2026-11-25 17:00",
       "2026-11-20=START 2026-11-21..2026-11-22=WEEKEND 2026-11-23=CUT_OFF 2026-11-24=DAY_OFF "
       "2026-11-25=COUNTED",
       last_hour},
      {"a minute earlier it does not", "2026-11-20 15:59", "1 WORKING_DAY", "2026-11-23 17:00",
       "2026-11-20=START 2026-11-21..2026-11-22=WEEKEND 2026-11-23=COUNTED", last_hour},
      {"hours begin with its opening", "2026-11-16 16:30", "2 HOUR", "2026-11-17 09:00",
       "2026-11-16=START 2026-11-17=HOURS", last_hour},
  });
}

TEST_CASE("due: what the agency waited for is taken out") {
  const auto pause = [](absl::string_view from, absl::string_view to,
                        DayRun::Kind kind = DayRun::SUPPLEMENT) {
    return Circumstances{.pauses = {{At(from), At(to), kind}}};
  };
  Check({
      {"asked on Wednesday, answered on Monday: Wednesday to Sunday", "2026-11-02 09:00",
       "5 WORKING_DAY", "2026-11-12 17:00",
       "2026-11-02=START 2026-11-03=COUNTED 2026-11-04..2026-11-08=SUPPLEMENT "
       "2026-11-09..2026-11-12=COUNTED",
       pause("2026-11-04 10:00", "2026-11-09 14:00")},
      {"asked and answered on one day: nothing", "2026-11-02 09:00", "2 WORKING_DAY",
       "2026-11-04 17:00", "2026-11-02=START 2026-11-03..2026-11-04=COUNTED",
       pause("2026-11-03 08:00", "2026-11-03 16:00")},
      {"asked on the last day: the day of the answer is the last", "2026-11-02 09:00",
       "2 WORKING_DAY", "2026-11-09 17:00",
       "2026-11-02=START 2026-11-03=COUNTED 2026-11-04..2026-11-08=SUPPLEMENT 2026-11-09=COUNTED",
       pause("2026-11-04 16:00", "2026-11-09 08:00")},
      {"days of the calendar, waiting for a payment", "2026-11-02 09:00", "5 DAY",
       "2026-11-09 17:00",
       "2026-11-02=START 2026-11-03=COUNTED 2026-11-04..2026-11-05=PAYMENT "
       "2026-11-06..2026-11-09=COUNTED",
       pause("2026-11-04 10:00", "2026-11-06 14:00", DayRun::PAYMENT)},
      {"a month ends as many days later", "2026-11-02 09:00", "1 MONTH", "2026-12-04 17:00",
       "2026-11-02=START 2026-11-03=COUNTED 2026-11-04..2026-11-05=OTHER_AGENCY "
       "2026-11-06..2026-12-04=COUNTED",
       pause("2026-11-04 10:00", "2026-11-06 14:00", DayRun::OTHER_AGENCY)},
      {"hours stop and go on to the minute", "2026-11-02 08:00", "4 HOUR", "2026-11-03 09:00",
       "2026-11-02..2026-11-03=HOURS", pause("2026-11-02 10:00", "2026-11-03 07:00")},
      {"asked after the close of the last day, it is too late", "2026-11-02 09:00", "2 WORKING_DAY",
       "2026-11-04 17:00", "2026-11-02=START 2026-11-03..2026-11-04=COUNTED",
       pause("2026-11-04 18:00", "2026-11-09 08:00")},
      {"after the end it changes nothing", "2026-11-02 09:00", "1 WORKING_DAY", "2026-11-03 17:00",
       "2026-11-02=START 2026-11-03=COUNTED", pause("2026-11-04 10:00", "2026-11-06 14:00")},
  });
}

TEST_CASE("due: days off and worked Saturdays name their notice") {
  const DueDate due = Due("2026-08-21 09:00", "8 WORKING_DAY");
  for (const DayRun& run : due.explanation()) {
    INFO(run.ShortDebugString());
    const bool rests_on_notice =
        run.kind() == DayRun::DAY_OFF || run.kind() == DayRun::WORKED_SATURDAY;
    CHECK((run.basis().find("9441/TB-BNV") != std::string::npos) == rests_on_notice);
  }
}

TEST_CASE("due: across years whose notice is not out, or not on file") {
  CHECK_FALSE(Due("2026-12-30 09:00", "1 WORKING_DAY").provisional());
  const DueDate across = Due("2026-12-31 09:00", "1 WORKING_DAY");
  CHECK(across.provisional());
  CHECK(DueTime(across) == At("2027-01-04 17:00"));
  // Only the last day of rest lies in the new year.
  CHECK(Due("2026-12-30 09:00", "2 DAY").provisional());

  const auto into_2028 = Compute(At("2027-12-30 09:00"), "2 WORKING_DAY");
  CHECK(into_2028.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrorReason(into_2028.status()) == "CALENDAR_MISSING");
  CHECK(into_2028.status().message().find("2028") != std::string::npos);
  for (const absl::string_view term : {"1 WORKING_DAY", "1 DAY", "1 HOUR", "1 MONTH"}) {
    CHECK(ErrorReason(Compute(At("2020-06-01 09:00"), term).status()) == "CALENDAR_MISSING");
  }
}

TEST_CASE("due: terms as they are written") {
  const auto term = ParseTerm("3.5 WORKING_DAY + 1 MONTH + 12.05 DAY + 8 HOUR");
  REQUIRE(term.has_value());
  REQUIRE(term->parts.size() == 4);
  CHECK(term->parts[0].hundredths == 350);
  CHECK(term->parts[0].unit == Term::Unit::kWorkingDay);
  CHECK(term->parts[1].unit == Term::Unit::kMonth);
  CHECK(term->parts[2].hundredths == 1205);
  CHECK(term->parts[3].unit == Term::Unit::kHour);
  for (const absl::string_view text : {"6.25 WORKING_DAY", "3660 DAY", "10 YEAR", "120 MONTH"}) {
    INFO(text);
    CHECK(ParseTerm(text).has_value());
  }
  for (const absl::string_view amount :
       {"", "0", "0.0", "-1", "+1", " 1", "1 ", "1.", ".5", "1.-5", "1.+5", "1. 5", "1.234",
        "1.2.3", "1,5", "3661", "99999999999999999999", "5 ngày"}) {
    INFO("amount `" << amount << "`");
    CHECK_FALSE(ParseTerm(absl::StrCat(amount, " WORKING_DAY")).has_value());
  }
  for (const absl::string_view text :
       {"", "5", "5 OTHER", "5 day", "5  DAY", "5 DAY +", "+ 5 DAY", "5 DAY+5 DAY", "1.5 MONTH",
        "0.5 YEAR", "1.5 CONSECUTIVE_HOUR", "11 YEAR", "1 DAY + 1 DAY + 1 DAY + 1 DAY + 1 DAY"}) {
    INFO("`" << text << "`");
    CHECK_FALSE(ParseTerm(text).has_value());
  }
}

TEST_CASE("due: terms as printed, and what is a slip there") {
  for (const absl::string_view hours : {"1", "8", "15", "24", "56", "176"}) {
    INFO(hours);
    CHECK(PrintedTermOf(hours, "HOUR").has_value());
  }
  CHECK_FALSE(PrintedTermOf("110", "HOUR").has_value());
  CHECK_FALSE(PrintedTermOf("1", "OTHER").has_value());
  CHECK_FALSE(PrintedTermOf("", "").has_value());
  CHECK_FALSE(PrintedTermOf("1 DAY + 1", "DAY").has_value());
  CHECK_FALSE(PrintedTermOf("1", "CONSECUTIVE_HOUR").has_value());
}

TEST_CASE("due: working hours as they are written") {
  const auto hours = WorkingHours::Parse(kUsualHours);
  REQUIRE(hours.ok());
  CHECK(hours->Daily() == absl::Hours(8));
  CHECK(hours->opening() == absl::Hours(7));
  CHECK(hours->close() == absl::Hours(17));
  CHECK(hours->After(absl::Minutes(270)) == absl::Minutes(690));
  CHECK(hours->After(absl::Minutes(271)) == absl::Minutes(811));
  CHECK(WorkingHours::Parse("00:00-24:00").ok());
  for (const absl::string_view text :
       {"", "07:00", "07:00-", "7:00-11:30", "07:00-24:01", "07:00-07:60", "11:30-07:00",
        "07:00-07:00", "07:00-11:30,11:30-17:00", "13:30-17:00,07:00-11:30", "07:00-11:30,",
        "07:00-11:30 13:30-17:00", "07:00-08:00,09:00-10:00,11:00-12:00,13:00-14:00,15:00-16:00"}) {
    INFO("`" << text << "`");
    CHECK(ErrorReason(WorkingHours::Parse(text).status()) == "WORKING_HOURS_INVALID");
  }
}

// One line for calendar_oracle.py.
std::string Line(absl::Time start, absl::string_view term, const Circumstances& circumstances) {
  const auto due = Compute(start, term, circumstances);
  constexpr absl::string_view kCutOffs[] = {"NONE", "AFTER_15", "LAST_WORKING_HOUR"};
  std::vector<std::string> pauses;
  for (const Pause& pause : circumstances.pauses) {
    pauses.push_back(absl::StrCat(Text(kRfc3339, pause.from), "/", Text(kRfc3339, pause.to), "=",
                                  DayRun::Kind_Name(pause.kind)));
  }
  std::string line = absl::StrCat(Text(kRfc3339, start), "\t", term, "\t", circumstances.hours,
                                  "\t", kCutOffs[static_cast<int>(circumstances.cut_off)], "\t",
                                  pauses.empty() ? "-" : absl::StrJoin(pauses, " "), "\t");
  if (!due.ok()) {
    const std::string message(due.status().message());
    return absl::StrCat(line, ErrorReason(due.status()), " ", message.substr(message.size() - 4),
                        "\tfinal\t\n");
  }
  const auto whole = [](std::string* out, const DayRun& run) {
    absl::StrAppend(out, run.first_day(), "..", run.last_day(), "=", DayRun::Kind_Name(run.kind()));
  };
  return absl::StrCat(line, Text(kRfc3339, DueTime(*due)), "\t",
                      due->provisional() ? "provisional" : "final", "\t",
                      absl::StrJoin(due->explanation(), " ", whole), "\n");
}

// Any circumstances of a start between 2020 (not on file) and 2028 (not on file).
class RandomCases {
 public:
  explicit RandomCases(std::mt19937_64& random) : random_(random) {}

  std::string Next() {
    const absl::Time start = Between(At("2020-12-01 00:00"), At("2028-02-01 00:00"));
    Circumstances circumstances;
    circumstances.hours = Pick<const char*>({kUsualHours, kUsualHours, "07:30-11:30,13:30-17:30",
                                             "08:00-12:00,13:00-17:00", "06:15-18:45",
                                             "07:00-09:10,09:20-11:00,14:00-16:50"});
    circumstances.cut_off =
        Pick<CutOff>({CutOff::kNone, CutOff::kNone, CutOff::kAfter15, CutOff::kLastWorkingHour});
    AddPauses(start, circumstances);
    std::string term = Part();
    while (Chance(5)) absl::StrAppend(&term, " + ", Part());
    return ParseTerm(term).has_value() ? Line(start, term, circumstances) : Next();
  }

 private:
  template <typename T>
  T Pick(const std::vector<T>& of) {
    return of[absl::Uniform<size_t>(random_, 0, of.size())];
  }
  bool Chance(int one_in) { return absl::Uniform(random_, 0, one_in) == 0; }
  absl::Time Between(absl::Time first, absl::Time last) {
    return first +
           absl::Seconds(absl::Uniform<int64_t>(random_, 0, (last - first) / absl::Seconds(1)));
  }
  std::string Part() {
    const int quarters = absl::Uniform(random_, 1, Chance(10) ? 2000 : 120);
    const std::string amount =
        absl::StrCat(quarters / 4, Pick<const char*>({"", ".25", ".5", ".75", ".07"}));
    switch (absl::Uniform(random_, 0, 8)) {
      case 0:
        return absl::StrCat(1 + quarters % 15, " MONTH");
      case 1:
        return absl::StrCat(1 + quarters % 2, " YEAR");
      case 2:
        return absl::StrCat(quarters, " CONSECUTIVE_HOUR");
      case 3:
      case 4:
        return absl::StrCat(amount, " HOUR");
      case 5:
        return absl::StrCat(amount, " DAY");
      default:
        return absl::StrCat(amount, " WORKING_DAY");
    }
  }
  void AddPauses(absl::Time start, Circumstances& circumstances) {
    for (absl::Time from = start; Chance(2) && circumstances.pauses.size() < 4;) {
      const absl::Duration longest = absl::Hours(Pick<int>({6, 50, 400}));
      from = Between(from, from + longest);
      const absl::Time to = Between(from, from + longest);
      const auto kind =
          Pick<DayRun::Kind>({DayRun::SUPPLEMENT, DayRun::PAYMENT, DayRun::OTHER_AGENCY});
      circumstances.pauses.push_back({from, to, kind});
      from = to;
    }
  }

  std::mt19937_64& random_;
};

TEST_CASE("due: agrees with the oracle on every day and on random circumstances") {
  std::string cases;
  int count = 0;
  for (absl::CivilDay day(2020, 12, 20); day < absl::CivilDay(2028, 1, 10); ++day) {
    const absl::Time start = absl::FromCivil(day, VietnamZone()) + absl::Hours(10);
    for (const absl::string_view term : {"1 WORKING_DAY", "3.5 WORKING_DAY", "1 DAY", "9 HOUR"}) {
      cases += Line(start, term, {});
      ++count;
    }
  }
  const uint64_t seed = absl::Uniform<uint64_t>(absl::BitGen());
  INFO("seed " << seed);
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  std::mt19937_64 random(sequence);
  RandomCases next(random);
  for (int i = 0; i < kRandomCases; ++i) cases += next.Next();
  CHECK(AskOracle("calendar/calendar_oracle.py", SourceFile(kDaysPath), cases) ==
        absl::StrCat(count + kRandomCases, " checked, 0 wrong\n"));
}

}  // namespace
}  // namespace lgsp::dossiers
