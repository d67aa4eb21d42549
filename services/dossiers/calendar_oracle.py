#!/usr/bin/python3
"""Checks due dates against the law's text, written without looking at calendar.cc.

    calendar_oracle.py DAYS_CSV < cases

A case is one line of tab-separated fields: start and due time (RFC 3339, UTC+7) or `CALENDAR_MISSING <year>` for the due
time, amount, unit, `final` or `provisional`, and the explanation as `first..last=KIND` joined by blanks. Prints every
case it finds wrong and, last, how many it checked; exits 1 if one is wrong.

The law: Civil Code art. 147.2 (the day of the event is not counted), 148.5 (an end on a day of rest moves to the end of
the next working day). A working day is a day on which civil servants work: Monday to Friday but for the days off, and
the Saturdays worked instead, by the yearly notices in DAYS_CSV. Working hours 7:00-11:30 and 13:30-17:00.
"""

import bisect
import csv
import datetime
import decimal
import sys

ONE_DAY = datetime.timedelta(days=1)
HANOI = datetime.timezone(datetime.timedelta(hours=7))
# The minutes of a day in which agencies work, in order: 8 hours.
WORKING_MINUTES = [*range(7 * 60, 11 * 60 + 30), *range(13 * 60 + 30, 17 * 60)]


class Calendar:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            file.readline()  # the source
            rows = list(csv.DictReader(file))
        self.off = {row["date"] for row in rows if row["kind"] == "WEEKDAY_OFF"}
        self.worked = {row["date"] for row in rows if row["kind"] == "SATURDAY_WORKED"}
        self.known = {int(row["date"][:4]) for row in rows}
        self.provisional = {int(row["date"][:4]) for row in rows if row["status"] == "provisional"}
        first = datetime.date(min(self.known), 1, 1)
        span = (datetime.date(max(self.known), 12, 31) - first).days
        days = [first + ONE_DAY * i for i in range(span + 1)]
        self.working_days = [day for day in days if self.works(day)]

    def works(self, day):
        text = day.isoformat()
        return day.year in self.known and (text in self.worked or (day.weekday() < 5 and text not in self.off))

    def kind(self, day):
        text = day.isoformat()
        if text in self.off:
            return "DAY_OFF"
        if text in self.worked:
            return "WORKED_SATURDAY"
        return "COUNTED" if day.weekday() < 5 else "WEEKEND"

    def first_unknown_day(self, after):
        """The first day after `after` of which nothing is on file."""
        if (after + ONE_DAY).year not in self.known:
            return after + ONE_DAY
        year = after.year
        while year in self.known or year == after.year:
            year += 1
        return datetime.date(year, 1, 1)

    def due(self, start, amount, unit):
        """(day, minute of the day, last day that was counted); (None, None, day) at an unknown day."""
        unknown = self.first_unknown_day(start)
        amount = decimal.Decimal(amount)
        # A part of a day needs a day of its own.
        count = int(amount.to_integral_value(decimal.ROUND_CEILING))
        minute = 17 * 60
        if unit == "DAY":
            counted = start + ONE_DAY * count
            at = bisect.bisect_left(self.working_days, counted)
        else:
            at = bisect.bisect_right(self.working_days, start) + count - 1
            counted = None
            part = amount % 1
            if part:
                minute = WORKING_MINUTES[int(part * len(WORKING_MINUTES)) - 1] + 1
        end = self.working_days[at] if at < len(self.working_days) else None
        if end is None or end >= unknown or (counted is not None and counted >= unknown):
            return None, None, unknown
        return end, minute, counted or end


def explanation(calendar, start, end, counted, unit):
    """What each day from start to end is."""
    days = {start: "START"}
    day = start
    while day < end:
        day += ONE_DAY
        if unit != "DAY":
            days[day] = calendar.kind(day)
        elif day <= counted:
            days[day] = "COUNTED"
        else:
            days[day] = "EXTENDED" if day == end else calendar.kind(day)
    return days


def expand(text):
    """{day: kind} of `first..last=KIND …`; None when a day is missing or there twice."""
    days, expected = {}, None
    for run in text.split():
        span, kind = run.split("=")
        first, last = (datetime.date.fromisoformat(day) for day in span.split(".."))
        if (expected is not None and first != expected) or last < first:
            return None
        while first <= last:
            days[first] = kind
            first += ONE_DAY
        expected = first
    return days


def wrong(calendar, line):
    """What is wrong with a case, or None."""
    started, due, amount, unit, state, explained = line.rstrip("\n").split("\t")
    start = datetime.datetime.fromisoformat(started).astimezone(HANOI).date()
    end, minute, last = calendar.due(start, amount, unit)
    if end is None:
        return None if due == f"CALENDAR_MISSING {last.year}" else f"{last.year} is not on file"
    expected = datetime.datetime.combine(end, datetime.time(), HANOI) + datetime.timedelta(minutes=minute)
    if due.startswith("CALENDAR_MISSING") or datetime.datetime.fromisoformat(due) != expected:
        return f"due {expected.isoformat()}"
    years = {day.year for day in expand(explained) or {} if day != start}
    if state != ("provisional" if years & calendar.provisional else "final"):
        return "final and provisional confused"
    if expand(explained) != explanation(calendar, start, end, last, unit):
        return f"explained {explanation(calendar, start, end, last, unit)}"
    return None


def main():
    calendar = Calendar(sys.argv[1])
    lines = sys.stdin.readlines()
    found = [(line, what) for line in lines if (what := wrong(calendar, line))]
    for line, what in found[:20]:
        print(f"{line.rstrip()}\n    expected: {what}")
    print(f"{len(lines)} checked, {len(found)} wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
