#!/usr/bin/python3
"""Due dates worked out by hand, for the oracle that checks calendar.cc.

    /usr/bin/python3 -B calendar_oracle_test.py

Most cases lie in March 2026, a month without days off: 1 March is a Sunday, 2 March a Monday.
"""

import os
import subprocess
import sys
import unittest

import calendar_oracle as oracle

HERE = os.path.dirname(os.path.abspath(__file__))
DAYS_CSV = os.path.join(HERE, "../../../deploy/catalog/vn_civil_service_days_2021_2027.csv")
DAYS = oracle.Calendar(DAYS_CSV)
# 8 hours: half a day is over at 11:00.
HOURS = "07:00-11:30,13:30-17:00"
# 8 hours: half a day is over with the morning.
EVEN_HOURS = "07:30-11:30,13:00-17:00"
# 7.5 hours.
SHORT_HOURS = "08:00-12:00,13:00-16:30"


def times(text):
    """The times of a pause, written short: `3T10:00` is 3 March 2026."""
    times = []
    for time in text.split("/"):
        day, clock = time.split("T")
        day = f"2026-03-{int(day):02}" if "-" not in day else f"2026-{day}"
        times.append(f"{day}T{clock if clock.count(':') == 2 else clock + ':00'}+07:00")
    return "/".join(times)


def pauses(*items):
    """`3T10:00/5T09:00=SUPPLEMENT` … as a field of a case."""
    split = [item.split("=") for item in items]
    return " ".join(f"{times(span)}={kind}" for span, kind in split) or "-"


def days(text):
    """`2 START, 3-4 COUNTED` of March 2026, or `02-28` for another month, as a field of a case."""
    runs = []
    for run in text.split(", "):
        span, kind = run.split(" ")
        first, _, last = span.partition("..")
        ends = [day if len(day) == 10 else f"2026-{day}" if "-" in day else f"2026-03-{int(day):02}"
                for day in (first, last or first)]
        runs.append(f"{ends[0]}..{ends[1]}={kind}")
    return " ".join(runs)


class OracleCase(unittest.TestCase):
    maxDiff = None

    def check(self, start, term, due, kinds, *pause, cut_off="NONE", hours=HOURS, state="final"):
        start, due = (f"{text[:10]}T{text[11:]}:00+07:00" if text.count(":") == 1 else
                      f"{text[:10]}T{text[11:]}+07:00" for text in (start, due))
        result = oracle.due(DAYS, oracle.parse_time(start), oracle.parse_term(term),
                            oracle.parse_hours(hours), cut_off, oracle.parse_pauses(pauses(*pause)))
        self.assertEqual(
            (result.due, result.state, oracle.runs(result.kinds)),
            (oracle.parse_time(due), state, oracle.runs(oracle.expand(days(kinds)))))

    def missing(self, start, term, year, cut_off="NONE"):
        with self.assertRaises(oracle.CalendarMissing) as raised:
            oracle.due(DAYS, oracle.parse_time(f"{start}:00+07:00"), oracle.parse_term(term),
                       oracle.parse_hours(HOURS), cut_off, [])
        self.assertEqual(str(raised.exception), f"CALENDAR_MISSING {year}")


class WorkingDays(OracleCase):
    def test_start_day_is_not_counted(self):
        self.check("2026-03-02 09:00", "3 WORKING_DAY", "2026-03-05 17:00",
                   "2 START, 3..5 COUNTED")

    def test_start_on_a_day_of_rest(self):
        self.check("2026-03-01 09:00", "1 WORKING_DAY", "2026-03-02 17:00", "1 START, 2 COUNTED")

    def test_weekend_and_day_off(self):
        self.check("2026-11-23 09:00", "4 WORKING_DAY", "2026-11-30 17:00",
                   "11-23 START, 11-24 DAY_OFF, 11-25..11-27 COUNTED, 11-28..11-29 WEEKEND, "
                   "11-30 COUNTED")

    def test_worked_saturday(self):
        self.check("2026-08-21 09:00", "2 WORKING_DAY", "2026-08-24 17:00",
                   "08-21 START, 08-22 WORKED_SATURDAY, 08-23 WEEKEND, 08-24 COUNTED")

    def test_half_day_is_counted_from_the_next_opening(self):
        self.check("2026-03-02 09:00", "0.5 WORKING_DAY", "2026-03-03 11:00", "2 START, 3 COUNTED")

    def test_half_day_after_whole_days(self):
        self.check("2026-03-05 09:00", "1.5 WORKING_DAY", "2026-03-09 11:00",
                   "5 START, 6 COUNTED, 7..8 WEEKEND, 9 COUNTED")

    def test_part_of_a_day_runs_over_the_noon_rest(self):
        self.check("2026-03-02 09:00", "0.75 WORKING_DAY", "2026-03-03 15:00",
                   "2 START, 3 COUNTED")

    def test_earliest_instant_is_before_the_noon_rest(self):
        self.check("2026-03-02 09:00", "0.5 WORKING_DAY", "2026-03-03 11:30",
                   "2 START, 3 COUNTED", hours=EVEN_HOURS)

    def test_parts_of_a_day_to_the_second(self):
        # 4.8, 148.5 and 4.51 minutes.
        for part, hours, clock in (("0.01", HOURS, "07:04:48"), ("0.33", SHORT_HOURS, "10:28:30"),
                                   ("0.01", "08:00-15:31", "08:04:30.600000")):
            with self.subTest(hours=hours, part=part):
                self.check("2026-03-02 09:00", f"{part} WORKING_DAY", f"2026-03-03 {clock}",
                           "2 START, 3 COUNTED", hours=hours)


class DaysMonthsYears(OracleCase):
    def test_days_of_rest_count(self):
        self.check("2026-03-05 09:00", "5 DAY", "2026-03-10 17:00", "5 START, 6..10 COUNTED")

    def test_part_of_a_day_counts_whole(self):
        self.check("2026-03-02 09:00", "2.5 DAY", "2026-03-05 17:00", "2 START, 3..5 COUNTED")

    def test_end_on_a_saturday_moves(self):
        self.check("2026-03-02 09:00", "5 DAY", "2026-03-09 17:00",
                   "2 START, 3..7 COUNTED, 8 WEEKEND, 9 EXTENDED")

    def test_end_moves_over_days_off(self):
        self.check("2026-08-26 09:00", "4 DAY", "2026-09-03 17:00",
                   "08-26 START, 08-27..08-30 COUNTED, 08-31..09-02 DAY_OFF, 09-03 EXTENDED")

    def test_end_on_a_worked_saturday_stays(self):
        self.check("2026-08-17 09:00", "5 DAY", "2026-08-22 17:00",
                   "08-17 START, 08-18..08-22 COUNTED")

    def test_month_without_that_day(self):
        self.check("2026-01-31 09:00", "1 MONTH", "2026-03-02 17:00",
                   "01-31 START, 02-01..02-28 COUNTED, 1 WEEKEND, 2 EXTENDED")

    def test_leap_year(self):
        self.check("2024-01-31 09:00", "1 MONTH", "2024-02-29 17:00",
                   "2024-01-31 START, 2024-02-01..2024-02-29 COUNTED")
        self.check("2024-02-29 09:00", "1 YEAR", "2025-02-28 17:00",
                   "2024-02-29 START, 2024-03-01..2025-02-28 COUNTED")

    def test_months_into_the_next_year(self):
        self.check("2024-12-15 09:00", "2 MONTH", "2025-02-17 17:00",
                   "2024-12-15 START, 2024-12-16..2025-02-15 COUNTED, 2025-02-16 WEEKEND, "
                   "2025-02-17 EXTENDED")


class WorkingHours(OracleCase):
    def test_hours_run_at_once_and_over_the_noon_rest(self):
        self.check("2026-03-02 09:00", "4 HOUR", "2026-03-02 15:00", "2 HOURS")

    def test_earliest_instant_is_before_the_noon_rest(self):
        self.check("2026-03-02 09:00", "2.5 HOUR", "2026-03-02 11:30", "2 HOURS")

    def test_earliest_instant_is_the_close(self):
        self.check("2026-03-02 15:00", "2 HOUR", "2026-03-02 17:00", "2 HOURS")

    def test_seconds(self):
        self.check("2026-03-02 10:00:30", "1.25 HOUR", "2026-03-02 11:15:30", "2 HOURS")
        self.check("2026-03-02 09:00", "0.01 HOUR", "2026-03-02 09:00:36", "2 HOURS")

    def test_start_in_the_noon_rest(self):
        self.check("2026-03-02 12:00", "1 HOUR", "2026-03-02 14:30", "2 HOURS")

    def test_hours_over_a_weekend(self):
        self.check("2026-03-06 16:30", "8 HOUR", "2026-03-09 16:30",
                   "6 HOURS, 7..8 WEEKEND, 9 HOURS")

    def test_start_before_the_opening_and_at_the_close(self):
        self.check("2026-03-02 05:00", "1 HOUR", "2026-03-02 08:00", "2 HOURS")
        self.check("2026-03-02 17:00", "1 HOUR", "2026-03-03 08:00", "2 START, 3 HOURS")

    def test_start_on_a_sunday(self):
        self.check("2026-03-01 10:00", "1 HOUR", "2026-03-02 08:00", "1 START, 2 HOURS")

    def test_worked_saturday_and_days_off(self):
        self.check("2026-08-21 17:00", "1 HOUR", "2026-08-22 08:00", "08-21 START, 08-22 HOURS")
        self.check("2026-08-28 16:00", "2 HOUR", "2026-09-03 08:00",
                   "08-28 HOURS, 08-29..08-30 WEEKEND, 08-31..09-02 DAY_OFF, 09-03 HOURS")


class HoursOfTheClock(OracleCase):
    def test_nights_and_weekends_pass(self):
        self.check("2026-03-06 15:30:15", "48 CONSECUTIVE_HOUR", "2026-03-08 15:30:15",
                   "6..8 HOURS")

    def test_one_day(self):
        self.check("2026-03-02 10:00", "3 CONSECUTIVE_HOUR", "2026-03-02 13:00", "2 HOURS")

    def test_midnight_is_of_the_next_day(self):
        self.check("2026-03-02 16:00", "8 CONSECUTIVE_HOUR", "2026-03-03 00:00", "2..3 HOURS")


class Parts(OracleCase):
    def test_month_after_a_part_of_a_day(self):
        self.check("2026-03-02 09:00", "1.5 WORKING_DAY + 1 MONTH", "2026-04-06 17:00",
                   "2 START, 3..4 COUNTED, 5..04-04 COUNTED, 04-05 WEEKEND, 04-06 EXTENDED")

    def test_only_the_last_part_is_extended(self):
        self.check("2026-03-05 09:00", "3 DAY + 1 WORKING_DAY", "2026-03-09 17:00",
                   "5 START, 6..9 COUNTED")
        self.check("2026-03-05 09:00", "1 WORKING_DAY + 1 DAY", "2026-03-09 17:00",
                   "5 START, 6..7 COUNTED, 8 WEEKEND, 9 EXTENDED")

    def test_day_after_a_clamped_month(self):
        self.check("2026-01-31 09:00", "1 MONTH + 1 MONTH", "2026-03-30 17:00",
                   "01-31 START, 02-01..28 COUNTED, 29 WEEKEND, 30 EXTENDED")

    def test_hours_after_a_close(self):
        self.check("2026-03-02 09:00", "1 WORKING_DAY + 2 HOUR", "2026-03-04 09:00",
                   "2 START, 3 COUNTED, 4 HOURS")

    def test_hours_on_the_day_a_part_ends(self):
        self.check("2026-03-02 09:00", "0.5 WORKING_DAY + 2 HOUR", "2026-03-03 15:00",
                   "2 START, 3 HOURS")

    def test_hours_after_a_month_that_ends_on_a_saturday(self):
        self.check("2026-02-07 09:00", "1 MONTH + 1 HOUR", "2026-03-09 08:00",
                   "02-07 START, 02-08..7 COUNTED, 8 WEEKEND, 9 HOURS")

    def test_days_after_hours(self):
        self.check("2026-03-02 09:00", "2 HOUR + 1 WORKING_DAY", "2026-03-03 17:00",
                   "2 HOURS, 3 COUNTED")

    def test_clock_after_a_close(self):
        self.check("2026-03-02 09:00", "1 WORKING_DAY + 6 CONSECUTIVE_HOUR", "2026-03-03 23:00",
                   "2 START, 3 HOURS")
        self.check("2026-03-02 09:00", "1 WORKING_DAY + 10 CONSECUTIVE_HOUR", "2026-03-04 03:00",
                   "2 START, 3..4 HOURS")


class Years(OracleCase):
    def test_provisional_from_the_first_day_of_such_a_year(self):
        self.check("2026-12-30 09:00", "1 WORKING_DAY", "2026-12-31 17:00",
                   "12-30 START, 12-31 COUNTED")
        self.check("2026-12-30 09:00", "2 WORKING_DAY", "2027-01-04 17:00",
                   "12-30 START, 12-31 COUNTED, 2027-01-01 DAY_OFF, "
                   "2027-01-02..2027-01-03 WEEKEND, 2027-01-04 COUNTED", state="provisional")

    def test_start_day_counts_only_where_it_is_looked_at(self):
        for term, state in (("1 CONSECUTIVE_HOUR", "final"), ("1 HOUR", "provisional")):
            with self.subTest(term=term):
                self.check("2027-03-01 08:00", term, "2027-03-01 09:00", "2027-03-01 HOURS",
                           state=state)

    def test_no_day_beyond_the_due_day_is_looked_at(self):
        self.check("2027-12-30 09:00", "1 WORKING_DAY", "2027-12-31 17:00",
                   "2027-12-30 START, 2027-12-31 COUNTED", state="provisional")
        self.missing("2027-12-30T09:00", "1.01 WORKING_DAY", 2028)
        self.missing("2027-12-31T16:30", "1 HOUR", 2028)
        self.missing("2027-12-31T20:00", "4 CONSECUTIVE_HOUR", 2028)

    def test_first_unknown_year(self):
        self.missing("2027-06-01T09:00", "2 YEAR", 2028)
        self.missing("2019-12-31T09:00", "3 YEAR", 2020)
        self.missing("2027-12-27T09:00", "5 DAY", 2028)

    def test_cut_off_and_extension_need_the_calendar(self):
        self.missing("2027-12-30T15:30", "1 WORKING_DAY", 2028, cut_off="AFTER_15")
        self.missing("2027-12-31T16:00", "1 CONSECUTIVE_HOUR", 2028, cut_off="LAST_WORKING_HOUR")

    def test_start_in_an_unknown_year(self):
        self.check("2020-12-31 09:00", "1 WORKING_DAY", "2021-01-04 17:00",
                   "2020-12-31 START, 2021-01-01 DAY_OFF, 2021-01-02..2021-01-03 WEEKEND, "
                   "2021-01-04 COUNTED")
        self.check("2020-12-31 20:00", "6 CONSECUTIVE_HOUR", "2021-01-01 02:00",
                   "2020-12-31..2021-01-01 HOURS")
        self.check("2020-06-01 09:00", "6 CONSECUTIVE_HOUR", "2020-06-01 15:00",
                   "2020-06-01 HOURS")
        self.missing("2020-12-31T18:00", "1 HOUR", 2020)
        self.missing("2020-12-31T09:00", "1 WORKING_DAY", 2020, cut_off="LAST_WORKING_HOUR")
        self.check("2020-12-31 16:00", "1 WORKING_DAY", "2021-01-05 17:00",
                   "2020-12-31 START, 2021-01-01 DAY_OFF, 2021-01-02..2021-01-03 WEEKEND, "
                   "2021-01-04 COUNTED, 2021-01-05 CUT_OFF", cut_off="AFTER_15")


class PausesOfDays(OracleCase):
    def test_first_day_is_not_counted_and_the_last_is(self):
        self.check("2026-03-02 09:00", "3 WORKING_DAY", "2026-03-09 17:00",
                   "2 START, 3..4 SUPPLEMENT, 5..6 COUNTED, 7..8 WEEKEND, 9 COUNTED",
                   "3T10:00/5T09:00=SUPPLEMENT")

    def test_pause_within_a_day_changes_nothing(self):
        self.check("2026-03-02 09:00", "2 WORKING_DAY", "2026-03-04 17:00",
                   "2 START, 3..4 COUNTED", "3T08:00/3T16:00=PAYMENT")

    def test_paused_weekend(self):
        self.check("2026-03-05 09:00", "2 WORKING_DAY", "2026-03-09 17:00",
                   "5 START, 6 COUNTED, 7..8 PAYMENT, 9 COUNTED", "7T09:00/9T09:00=PAYMENT")

    def test_start_day_stays_the_start(self):
        self.check("2026-03-02 09:00", "1 WORKING_DAY", "2026-03-04 17:00",
                   "2 START, 3 OTHER_AGENCY, 4 COUNTED", "2T10:00/4T08:00=OTHER_AGENCY")

    def test_pauses_that_touch(self):
        self.check("2026-03-02 09:00", "1 WORKING_DAY", "2026-03-05 17:00",
                   "2 START, 3 SUPPLEMENT, 4 PAYMENT, 5 COUNTED",
                   "3T08:00/4T09:00=SUPPLEMENT", "4T09:00/5T10:00=PAYMENT")

    def test_days(self):
        self.check("2026-03-02 09:00", "3 DAY", "2026-03-09 17:00",
                   "2 START, 3..4 OTHER_AGENCY, 5..7 COUNTED, 8 WEEKEND, 9 EXTENDED",
                   "3T08:00/5T08:00=OTHER_AGENCY")

    def test_pause_after_the_due_instant(self):
        for begin, due, kinds in (
                ("4T18:00", "2026-03-04 17:00", "2 START, 3..4 COUNTED"),
                ("4T17:00:01", "2026-03-04 17:00", "2 START, 3..4 COUNTED"),
                ("4T17:00", "2026-03-06 17:00", "2 START, 3 COUNTED, 4..5 PAYMENT, 6 COUNTED"),
                ("4T07:00", "2026-03-06 17:00", "2 START, 3 COUNTED, 4..5 PAYMENT, 6 COUNTED")):
            for unit in ("WORKING_DAY", "DAY"):
                with self.subTest(begin=begin, unit=unit):
                    self.check("2026-03-02 09:00", f"2 {unit}", due, kinds,
                               f"{begin}/6T08:00=PAYMENT")

    def test_pause_after_the_close_before_the_last_day(self):
        self.check("2026-03-02 09:00", "2 WORKING_DAY", "2026-03-05 17:00",
                   "2 START, 3 PAYMENT, 4..5 COUNTED", "3T20:00/4T06:00=PAYMENT")

    def test_pause_from_the_evening_of_a_day_of_rest(self):
        self.check("2026-03-06 09:00", "1 WORKING_DAY", "2026-03-10 17:00",
                   "6 START, 7..9 PAYMENT, 10 COUNTED", "7T18:00/10T08:00=PAYMENT")

    def test_part_of_a_day(self):
        self.check("2026-03-02 09:00", "0.5 WORKING_DAY", "2026-03-03 11:00",
                   "2 START, 3 COUNTED", "3T11:00:01/5T14:00=PAYMENT")
        self.check("2026-03-02 09:00", "0.5 WORKING_DAY", "2026-03-05 11:00",
                   "2 START, 3..4 PAYMENT, 5 COUNTED", "3T10:00/5T14:00=PAYMENT")

    def test_month_moves_by_the_paused_days(self):
        self.check("2026-03-02 09:00", "1 MONTH", "2026-04-07 17:00",
                   "2 START, 3..9 COUNTED, 10..14 SUPPLEMENT, 15..04-07 COUNTED",
                   "10T10:00/15T10:00=SUPPLEMENT")

    def test_pause_in_what_another_moved_the_month_by(self):
        later = "04-03T08:00/04-05T08:00=PAYMENT"
        self.check("2026-03-02 09:00", "1 MONTH", "2026-04-09 17:00",
                   "2 START, 3..9 COUNTED, 10..14 SUPPLEMENT, 15..04-02 COUNTED, "
                   "04-03..04-04 PAYMENT, 04-05..04-09 COUNTED",
                   "10T10:00/15T10:00=SUPPLEMENT", later)
        self.check("2026-03-02 09:00", "1 MONTH", "2026-04-02 17:00",
                   "2 START, 3..04-02 COUNTED", later)

    def test_pause_over_the_end_of_a_month(self):
        self.check("2026-03-02 09:00", "1 MONTH", "2026-04-13 17:00",
                   "2 START, 3..31 COUNTED, 04-01..04-09 PAYMENT, 04-10..04-11 COUNTED, "
                   "04-12 WEEKEND, 04-13 EXTENDED", "04-01T08:00/04-10T08:00=PAYMENT")
        self.check("2026-03-02 09:00", "1 MONTH", "2026-04-02 17:00",
                   "2 START, 3..04-02 COUNTED", "04-02T17:30/04-10T08:00=PAYMENT")

    def test_month_does_not_move_by_days_paused_before_it(self):
        self.check("2026-03-02 09:00", "1 WORKING_DAY + 1 MONTH", "2026-04-06 17:00",
                   "2 START, 3..4 PAYMENT, 5 COUNTED, 6..04-05 COUNTED, 04-06 EXTENDED",
                   "2T10:00/5T08:00=PAYMENT")

    def test_extension_and_cut_off_run_through_pauses(self):
        self.check("2026-03-02 09:00", "5 DAY", "2026-03-09 17:00",
                   "2 START, 3..7 COUNTED, 8 WEEKEND, 9 EXTENDED", "8T08:00/11T08:00=PAYMENT")
        self.check("2026-03-02 16:00", "2 WORKING_DAY", "2026-03-05 17:00",
                   "2 START, 3..4 COUNTED, 5 CUT_OFF", "5T08:00/9T08:00=PAYMENT",
                   cut_off="AFTER_15")
        self.check("2026-03-02 16:00", "1 WORKING_DAY", "2026-03-05 17:00",
                   "2 START, 3 CUT_OFF, 4 PAYMENT, 5 COUNTED", "3T08:00/5T08:00=PAYMENT",
                   cut_off="LAST_WORKING_HOUR")


class PausesOfHours(OracleCase):
    def test_pause_to_the_second(self):
        self.check("2026-03-02 09:00", "4 HOUR", "2026-03-03 07:00:30", "2..3 HOURS",
                   "2T10:00/2T14:00:30=PAYMENT")

    def test_end_at_the_begin_of_a_pause(self):
        for unit in ("HOUR", "CONSECUTIVE_HOUR"):
            with self.subTest(unit=unit):
                self.check("2026-03-02 09:00", f"1 {unit}", "2026-03-02 10:00", "2 HOURS",
                           "2T10:00/5T10:00=PAYMENT")

    def test_start_in_a_pause(self):
        self.check("2026-03-02 09:00", "2 HOUR", "2026-03-04 10:00",
                   "2 START, 3 SUPPLEMENT, 4 HOURS", "2T08:00/4T08:00=SUPPLEMENT")
        self.check("2026-03-02 09:00", "2 CONSECUTIVE_HOUR", "2026-03-04 10:00",
                   "2 START, 3 SUPPLEMENT, 4 HOURS", "2T08:00/4T08:00=SUPPLEMENT")

    def test_paused_day_of_rest(self):
        self.check("2026-03-06 16:00", "2 HOUR", "2026-03-09 09:00",
                   "6 HOURS, 7..8 PAYMENT, 9 HOURS", "6T16:30/9T07:30=PAYMENT")
        self.check("2026-03-06 16:00", "2 HOUR", "2026-03-09 08:30",
                   "6 HOURS, 7 WEEKEND, 8 PAYMENT, 9 HOURS", "8T10:00/9T07:30=PAYMENT")
        self.check("2026-03-06 16:00", "2 HOUR", "2026-03-09 08:00",
                   "6 HOURS, 7..8 WEEKEND, 9 HOURS", "7T10:00/7T11:00=PAYMENT")

    def test_working_hours_paused_within_a_day(self):
        self.check("2026-03-02 16:00", "2 HOUR", "2026-03-04 08:00",
                   "2 HOURS, 3 OTHER_AGENCY, 4 HOURS", "3T06:00/3T18:00=OTHER_AGENCY")

    def test_day_paused_by_two(self):
        self.check("2026-03-02 16:00", "2 HOUR", "2026-03-04 08:00",
                   "2 HOURS, 3 SUPPLEMENT, 4 HOURS",
                   "3T06:00/3T09:00=SUPPLEMENT", "3T09:00/3T18:00=PAYMENT")

    def test_clock_stops(self):
        self.check("2026-03-02 10:00", "24 CONSECUTIVE_HOUR", "2026-03-06 04:00",
                   "2 HOURS, 3..4 PAYMENT, 5..6 HOURS", "2T12:00/5T06:00=PAYMENT")

    def test_pause_until_midnight(self):
        self.check("2026-03-02 22:00", "3 CONSECUTIVE_HOUR", "2026-03-04 01:00",
                   "2 HOURS, 3 PAYMENT, 4 HOURS", "3T00:00/4T00:00=PAYMENT")

    def test_counted_day_stays_counted_when_its_other_hours_are_paused(self):
        self.check("2026-03-02 09:00", "0.5 WORKING_DAY + 4 HOUR", "2026-03-05 11:30",
                   "2 START, 3 COUNTED, 4 PAYMENT, 5 HOURS", "3T12:00/5T07:30=PAYMENT",
                   hours=EVEN_HOURS)

    def test_pause_between_two_parts_leaves_the_first_alone(self):
        self.check("2026-03-02 09:00", "1 WORKING_DAY + 1 WORKING_DAY", "2026-03-05 17:00",
                   "2 START, 3 COUNTED, 4 PAYMENT, 5 COUNTED", "3T18:00/5T08:00=PAYMENT")


class CutOffs(OracleCase):
    def test_after_15_is_later_than_15(self):
        self.check("2026-03-05 15:00", "1 WORKING_DAY", "2026-03-06 17:00", "5 START, 6 COUNTED",
                   cut_off="AFTER_15")
        self.check("2026-03-05 15:00:01", "1 WORKING_DAY", "2026-03-09 17:00",
                   "5 START, 6 COUNTED, 7..8 WEEKEND, 9 CUT_OFF", cut_off="AFTER_15")

    def test_after_15_after_an_extension(self):
        self.check("2026-03-02 16:00", "5 DAY", "2026-03-10 17:00",
                   "2 START, 3..7 COUNTED, 8 WEEKEND, 9 EXTENDED, 10 CUT_OFF", cut_off="AFTER_15")

    def test_after_15_keeps_the_time_of_day(self):
        self.check("2026-03-06 15:30", "2 HOUR", "2026-03-10 07:30",
                   "6 HOURS, 7..8 WEEKEND, 9 HOURS, 10 CUT_OFF", cut_off="AFTER_15")
        self.check("2026-03-05 16:00", "12 CONSECUTIVE_HOUR", "2026-03-09 04:00",
                   "5..6 HOURS, 7..8 WEEKEND, 9 CUT_OFF", cut_off="AFTER_15")

    def test_after_15_on_a_day_of_rest(self):
        self.check("2026-03-01 16:00", "1 WORKING_DAY", "2026-03-03 17:00",
                   "1 START, 2 COUNTED, 3 CUT_OFF", cut_off="AFTER_15")

    def test_last_working_hour_begins_an_hour_before_the_close(self):
        for start, hours, due, kinds in (
                ("15:59:59", HOURS, "03 17:00", "2 START, 3 COUNTED"),
                ("16:00:00", HOURS, "04 17:00", "2 START, 3 CUT_OFF, 4 COUNTED"),
                ("15:29:59", SHORT_HOURS, "03 16:30", "2 START, 3 COUNTED"),
                ("15:30:00", SHORT_HOURS, "04 16:30", "2 START, 3 CUT_OFF, 4 COUNTED")):
            with self.subTest(start=start, hours=hours):
                self.check(f"2026-03-02 {start}", "1 WORKING_DAY", f"2026-03-{due}", kinds,
                           cut_off="LAST_WORKING_HOUR", hours=hours)

    def test_last_working_hour_after_the_close_of_a_friday(self):
        self.check("2026-03-06 20:00", "1 WORKING_DAY", "2026-03-10 17:00",
                   "6 START, 7..8 WEEKEND, 9 CUT_OFF, 10 COUNTED", cut_off="LAST_WORKING_HOUR")

    def test_last_working_hour_of_a_day_of_rest(self):
        self.check("2026-03-01 16:30", "1 WORKING_DAY", "2026-03-02 17:00", "1 START, 2 COUNTED",
                   cut_off="LAST_WORKING_HOUR")

    def test_last_working_hour_of_a_worked_saturday(self):
        self.check("2026-08-22 16:30", "1 WORKING_DAY", "2026-08-25 17:00",
                   "08-22 START, 08-23 WEEKEND, 08-24 CUT_OFF, 08-25 COUNTED",
                   cut_off="LAST_WORKING_HOUR")

    def test_last_working_hour_with_hours(self):
        self.check("2026-03-06 16:00", "2 HOUR", "2026-03-09 09:00",
                   "6 START, 7..8 WEEKEND, 9 HOURS", cut_off="LAST_WORKING_HOUR")
        self.check("2026-03-02 16:30", "3 CONSECUTIVE_HOUR", "2026-03-03 10:00",
                   "2 START, 3 HOURS", cut_off="LAST_WORKING_HOUR")

    def test_last_working_hour_with_a_month(self):
        self.check("2026-01-30 16:30", "1 MONTH", "2026-03-02 17:00",
                   "01-30 START, 01-31..02-01 WEEKEND, 02-02 CUT_OFF, 02-03..2 COUNTED",
                   cut_off="LAST_WORKING_HOUR")


class Verdicts(unittest.TestCase):
    GOOD = ("2026-03-02T09:00:00+07:00", "0.5 WORKING_DAY + 2 HOUR", HOURS, "NONE",
            "3T06:00/4T06:00=PAYMENT", "2026-03-04T15:00:00+07:00", "final",
            "2026-03-02..2026-03-02=START 2026-03-03..2026-03-03=PAYMENT "
            "2026-03-04..2026-03-04=HOURS")
    MISSING = ("2027-12-31T09:00:00+07:00", "1 DAY", HOURS, "NONE", "-", "CALENDAR_MISSING 2028",
               "final", "")

    def line(self, case, **fields):
        names = ("start", "term", "hours", "cut_off", "pauses", "due", "state", "kinds")
        case = {**dict(zip(names, case)), **fields}
        if "=" in case["pauses"]:
            case["pauses"] = pauses(*case["pauses"].split())
        return "\t".join(case[name] for name in names) + "\n"

    def test_right_cases(self):
        self.assertIsNone(oracle.wrong(DAYS, self.line(self.GOOD)))
        self.assertIsNone(oracle.wrong(DAYS, self.line(self.MISSING)))

    def test_runs_need_not_be_joined(self):
        case = ("2026-03-02T09:00:00+07:00", "2 DAY", HOURS, "NONE", "-",
                "2026-03-04T17:00:00+07:00", "final", "2026-03-02..2026-03-02=START "
                "2026-03-03..2026-03-03=COUNTED 2026-03-04..2026-03-04=COUNTED")
        self.assertIsNone(oracle.wrong(DAYS, self.line(case)))

    def test_every_field_matters(self):
        for field, text in (
                ("start", "2026-03-06T09:00:00+07:00"), ("term", "0.5 WORKING_DAY + 2.01 HOUR"),
                ("hours", SHORT_HOURS), ("pauses", "-"), ("pauses", "3T06:00/4T06:00=SUPPLEMENT"),
                ("due", "2026-03-04T15:00:01+07:00"), ("due", "CALENDAR_MISSING 2026"),
                ("due", "2026-03-04T15:00:00Z"), ("state", "provisional"), ("kinds", ""),
                ("kinds", self.GOOD[7].replace("HOURS", "COUNTED")),
                ("kinds", self.GOOD[7] + " 2026-03-05..2026-03-05=HOURS"),
                ("kinds", self.GOOD[7] + " 2026-03-04..2026-03-04=HOURS")):
            with self.subTest(field=field, text=text):
                self.assertIsNotNone(oracle.wrong(DAYS, self.line(self.GOOD, **{field: text})))
        late = self.line(self.GOOD, start="2026-03-02T16:30:00+07:00")
        self.assertIsNone(oracle.wrong(DAYS, late))
        self.assertIsNotNone(oracle.wrong(DAYS, late.replace("NONE", "AFTER_15")))
        self.assertIsNotNone(oracle.wrong(DAYS, late.replace("NONE", "LAST_WORKING_HOUR")))

    def test_missing_calendar_is_judged(self):
        for field, text in (("due", "CALENDAR_MISSING 2029"), ("start", "2027-12-30T09:00:00+07:00"),
                            ("due", "2028-01-01T17:00:00+07:00"),
                            ("kinds", "2027-12-31..2027-12-31=START")):
            with self.subTest(field=field):
                self.assertIsNotNone(oracle.wrong(DAYS, self.line(self.MISSING, **{field: text})))

    def test_unreadable_cases_are_wrong(self):
        for field, text in (("start", "2026-03-02"), ("term", "1 WEEK"), ("term", "1.5 MONTH"),
                            ("term", "0 DAY"), ("hours", "17:00-07:00"), ("cut_off", "NOON"),
                            ("pauses", "3T06:00/4T06:00=NAP"), ("pauses", "4T06:00/3T06:00=PAYMENT"),
                            ("pauses", "3T06:00/4T06:00=PAYMENT 3T08:00/5T06:00=PAYMENT")):
            with self.subTest(field=field, text=text):
                what = oracle.wrong(DAYS, self.line(self.GOOD, **{field: text}))
                self.assertTrue(what.startswith("a case that can be read"), what)
        self.assertTrue(oracle.wrong(DAYS, "one field\n").startswith("a case that can be read"))

    def run_oracle(self, text):
        return subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, "calendar_oracle.py"), DAYS_CSV],
            input=text, capture_output=True, text=True, timeout=60, check=False)

    def test_command_line(self):
        good, bad = self.line(self.GOOD), self.line(self.GOOD, state="provisional")
        done = self.run_oracle(good + self.line(self.MISSING))
        self.assertEqual((done.returncode, done.stdout), (0, "2 checked, 0 wrong\n"))
        done = self.run_oracle(good + bad)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, f"{bad}    expected: final\n2 checked, 1 wrong\n")

    def test_command_line_shows_twenty(self):
        done = self.run_oracle(self.line(self.GOOD, state="provisional") * 25)
        lines = done.stdout.splitlines()
        self.assertEqual((len(lines), lines[-1]), (41, "25 checked, 25 wrong"))


if __name__ == "__main__":
    unittest.main()
