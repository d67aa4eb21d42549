#!/usr/bin/python3
"""Checks due dates against the law's text, written without looking at calendar.cc.

    calendar_oracle.py DAYS_CSV < cases

A case is one line of tab-separated fields:
  1 start, RFC 3339 with +07:00
  2 term: `<amount> <UNIT>` parts joined by ` + `
  3 working hours of the agency, e.g. `07:00-11:30,13:30-17:00`
  4 cut-off: NONE, AFTER_15 or LAST_WORKING_HOUR
  5 pauses: `-`, or `<from>/<to>=<KIND>` joined by blanks, in order, not overlapping
  6 due, RFC 3339, or `CALENDAR_MISSING <year>`
  7 `final` or `provisional`
  8 explanation: `first..last=KIND` joined by blanks; empty when the calendar is missing
Prints the first wrong cases with what was expected and, last, how many it checked; exits 1 if one
is wrong.

The law: Civil Code art. 147.2 (the day of the event is not counted), 148.5 (an end on a day of
rest moves to the end of the next working day). A working day is a day on which civil servants
work: Monday to Friday but for the days off, and the Saturdays worked instead, by the yearly
notices in DAYS_CSV.

Written to be read beside the rules, not to be fast: every day after the start's is looked at once,
in order, and no day after the due day.
"""

import calendar
import csv
import datetime
import fractions
import math
import sys
import typing

ONE_DAY = datetime.timedelta(days=1)
ONE_HOUR = datetime.timedelta(hours=1)
HANOI = datetime.timezone(datetime.timedelta(hours=7))
MIDNIGHT = datetime.time()
THREE_PM = datetime.time(15)
PAUSE_KINDS = ("SUPPLEMENT", "PAYMENT", "OTHER_AGENCY")
DAY_UNITS = ("DAY", "MONTH", "YEAR")
WHOLE_UNITS = ("MONTH", "YEAR", "CONSECUTIVE_HOUR")
UNITS = ("WORKING_DAY", "HOUR", *DAY_UNITS, "CONSECUTIVE_HOUR")
CUT_OFFS = ("NONE", "AFTER_15", "LAST_WORKING_HOUR")
WRONG_SHOWN = 20


class CalendarMissing(Exception):
    """A day had to be looked at in a year of which nothing is on file."""

    def __init__(self, year):
        super().__init__(f"CALENDAR_MISSING {year}")


class Pause(typing.NamedTuple):
    begin: datetime.datetime
    end: datetime.datetime
    kind: str


class Result(typing.NamedTuple):
    due: datetime.datetime
    state: str
    # What each day from the start's to the due day is.
    kinds: dict


class Calendar:
    """The notices."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            file.readline()  # the source
            rows = list(csv.DictReader(file))
        self.kinds = {datetime.date.fromisoformat(row["date"]): row["kind"] for row in rows}
        years = {(int(row["date"][:4]), row["status"]) for row in rows}
        self.known = {year for year, _ in years}
        self.provisional = {year for year, status in years if status == "provisional"}

    def kind(self, day):
        """What a day is: COUNTED and WORKED_SATURDAY are working days, the others days of rest."""
        notice = self.kinds.get(day)
        if notice == "WEEKDAY_OFF":
            return "DAY_OFF"
        if notice == "SATURDAY_WORKED":
            return "WORKED_SATURDAY"
        return "COUNTED" if day.weekday() < 5 else "WEEKEND"


def parse_time(text):
    """The clock in Hanoi, without its zone."""
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"no zone in {text}")
    return time.astimezone(HANOI).replace(tzinfo=None)


def parse_term(text):
    parts = []
    for part in text.split(" + "):
        amount, unit = part.split(" ")
        amount = fractions.Fraction(amount)
        if unit not in UNITS or amount <= 0 or (unit in WHOLE_UNITS and amount % 1):
            raise ValueError(f"no such part of a term: {part}")
        parts.append((amount, unit))
    return parts


def parse_hours(text):
    """[(begin, end)] of the working time of a day, since midnight."""
    def clock(minute):
        hour, minute = minute.split(":")
        return datetime.timedelta(hours=int(hour), minutes=int(minute))
    hours = [tuple(clock(minute) for minute in span.split("-")) for span in text.split(",")]
    edges = [edge for span in hours for edge in span]
    if any(begin >= end for begin, end in hours) or edges != sorted(edges):
        raise ValueError(f"working hours out of order: {text}")
    return hours


def parse_pauses(text):
    pauses = []
    for item in text.split() if text != "-" else []:
        span, kind = item.split("=")
        pause = Pause(*(parse_time(time) for time in span.split("/")), kind)
        if kind not in PAUSE_KINDS or pause.end < pause.begin:
            raise ValueError(f"no such pause: {item}")
        if pauses and pause.begin < pauses[-1].end:
            raise ValueError(f"pauses overlap: {text}")
        pauses.append(pause)
    return pauses


def months_later(day, months):
    """The same day number so many months on, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > datetime.MAXYEAR:
        return datetime.date.max
    return datetime.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def time_of(amount, unit):
    """amount units of time; exact, as two decimals of a minute are 0.6 s."""
    seconds = amount * fractions.Fraction(unit // datetime.timedelta(seconds=1))
    return datetime.timedelta(microseconds=int(seconds * 1000000))


def outside_pauses(begin, end, pauses):
    """The stretches of [begin, end) that lie in no pause, in order."""
    for pause in pauses:
        if pause.end <= begin or end <= pause.begin:
            continue
        if begin < pause.begin:
            yield begin, pause.begin
        begin = pause.end
    if begin < end:
        yield begin, end


class Term:
    """Counts one term. The position is the day and the instant at which the parts so far end."""

    def __init__(self, days, start, hours, pauses):
        self.days = days
        self.hours = hours
        self.pauses = pauses
        self.years = set()
        self.day = start.date()
        self.instant = start
        self.kinds = {self.day: "START"}

    def look(self, day):
        """What the day is in the calendar."""
        if day.year not in self.days.known:
            raise CalendarMissing(day.year)
        self.years.add(day.year)
        return self.days.kind(day)

    def works(self, day):
        return self.look(day) in ("COUNTED", "WORKED_SATURDAY")

    def at(self, day, since_midnight):
        return datetime.datetime.combine(day, MIDNIGHT) + since_midnight

    def opening(self, day):
        return self.at(day, self.hours[0][0])

    def close(self, day):
        return self.at(day, self.hours[-1][1])

    def after_opening(self, day, part):
        """The earliest instant of the day at which that part of its working time has passed."""
        left = time_of(part, sum((end - begin for begin, end in self.hours), datetime.timedelta()))
        for begin, end in self.hours:
            if left <= end - begin:
                return self.at(day, begin + left)
            left -= end - begin
        raise AssertionError("a part of a day is longer than the day")

    def pause_of_day(self, day):
        """The pause because of which a whole day is not counted, or None."""
        for pause in self.pauses:
            if pause.begin.date() <= day < pause.end.date():
                return pause
        return None

    def next_working_day(self, last_kind):
        """Moves the position's day on; the days of rest on the way are what they are."""
        self.day += ONE_DAY
        while not self.works(self.day):
            self.kinds[self.day] = self.look(self.day)
            self.day += ONE_DAY
        self.kinds[self.day] = last_kind

    def count_days(self, amount, unit):
        """WORKING_DAY and DAY."""
        part = amount % 1 if unit == "WORKING_DAY" else 0
        left = math.ceil(amount)
        while left:
            self.day += ONE_DAY
            kind = self.look(self.day)
            counts = unit == "DAY" or self.works(self.day)
            last = counts and left == 1
            end = self.after_opening(self.day, part) if part else self.close(self.day)
            pause = self.pause_of_day(self.day)
            # A pause that begins after the end of this part does not lie in it.
            if pause and not (last and end < pause.begin):
                self.kinds[self.day] = pause.kind
                continue
            self.kinds[self.day] = "COUNTED" if unit == "DAY" else kind
            if counts:
                left -= 1
                self.instant = end

    def count_months(self, months):
        last = months_later(self.day, months)
        while self.day < last:
            self.day += ONE_DAY
            self.look(self.day)
            pause = self.pause_of_day(self.day)
            if pause and not (self.day == last and self.close(last) < pause.begin):
                self.kinds[self.day] = pause.kind
                last += ONE_DAY
            else:
                self.kinds[self.day] = "COUNTED"
        self.instant = self.close(self.day)

    def working_spans(self, day):
        if not self.works(day):
            return []
        return [(self.at(day, begin), self.at(day, end)) for begin, end in self.hours]

    def whole_day(self, day):
        return [(self.at(day, datetime.timedelta()), self.at(day, ONE_DAY))]

    def count_time(self, left, spans_of_day):
        """HOUR and CONSECUTIVE_HOUR: time passes in the spans of each day but in no pause."""
        first, begin_at = self.day, self.instant
        while True:
            spans = [(max(begin, begin_at), end) for begin, end in spans_of_day(self.day)
                     if end > begin_at]
            for span in spans:
                for begin, end in outside_pauses(*span, self.pauses):
                    self.kinds[self.day] = "HOURS"
                    if left <= end - begin:
                        self.instant = begin + left
                        return
                    left -= end - begin
            if self.day != first and self.kinds.get(self.day) != "HOURS":
                self.kinds[self.day] = self.kind_of_stopped_day(spans)
            self.day += ONE_DAY
            self.look(self.day)

    def kind_of_stopped_day(self, spans):
        """What a day after the position's day is when no time passed on it."""
        if not spans:
            pause = self.pause_of_day(self.day)
            return pause.kind if pause else self.look(self.day)
        return next(pause.kind for pause in self.pauses for begin, end in spans
                    if pause.begin < end and begin < pause.end)

    def count(self, amount, unit):
        if unit in ("WORKING_DAY", "DAY"):
            self.count_days(amount, unit)
        elif unit in ("MONTH", "YEAR"):
            self.count_months(int(amount) * (12 if unit == "YEAR" else 1))
        elif unit == "HOUR":
            self.count_time(time_of(amount, ONE_HOUR), self.working_spans)
        else:
            self.count_time(time_of(amount, ONE_HOUR), self.whole_day)
            # 24:00 is 00:00 of the next day, on which the term then ends.
            if self.instant.date() != self.day:
                self.day += ONE_DAY
                self.look(self.day)
                self.kinds[self.day] = "HOURS"


def due(days, start, parts, hours, cut_off, pauses):
    """The Result; raises CalendarMissing."""
    if cut_off not in CUT_OFFS:
        raise ValueError(f"no such cut-off: {cut_off}")
    term = Term(days, start, hours, pauses)
    if cut_off == "LAST_WORKING_HOUR":
        if term.works(term.day) and start >= term.close(term.day) - ONE_HOUR:
            term.next_working_day("CUT_OFF")
            term.instant = term.opening(term.day)
    for amount, unit in parts:
        term.count(amount, unit)
    if parts[-1][1] in DAY_UNITS and not term.works(term.day):
        term.next_working_day("EXTENDED")
        term.instant = term.close(term.day)
    if cut_off == "AFTER_15" and start.time() > THREE_PM:
        since_midnight = term.instant - term.at(term.day, datetime.timedelta())
        term.next_working_day("CUT_OFF")
        term.instant = term.at(term.day, since_midnight)
    state = "provisional" if term.years & days.provisional else "final"
    return Result(term.instant, state, term.kinds)


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


def runs(kinds):
    """`first..last=KIND …` of {day: kind}, as long as they can be."""
    joined = []
    for day in sorted(kinds):
        if joined and joined[-1][2] == kinds[day]:
            joined[-1][1] = day
        else:
            joined.append([day, day, kinds[day]])
    return " ".join(f"{first}..{last}={kind}" for first, last, kind in joined)


def wrong(days, line):
    """What is wrong with a case, or None."""
    try:
        started, term, hours, cut_off, pauses, said_due, said_state, said_kinds = (
            line.rstrip("\n").split("\t"))
        given = (parse_time(started), parse_term(term), parse_hours(hours), cut_off,
                 parse_pauses(pauses))
        explained = expand(said_kinds)
        said_instant = None if said_due.startswith("CALENDAR_MISSING ") else parse_time(said_due)
        expected = due(days, *given)
    except CalendarMissing as missing:
        if said_due == str(missing) and not said_kinds:
            return None
        return f"{missing}, not explained"
    except ValueError as error:
        return f"a case that can be read: {error}"
    if said_instant != expected.due:
        return f"due {expected.due.isoformat()}+07:00, explained {runs(expected.kinds)}"
    if said_state != expected.state:
        return expected.state
    if explained != expected.kinds:
        return f"explained {runs(expected.kinds)}"
    return None


def main():
    days = Calendar(sys.argv[1])
    checked, found = 0, []
    for line in sys.stdin:
        checked += 1
        what = wrong(days, line)
        if what:
            found.append((line, what))
    for line, what in found[:WRONG_SHOWN]:
        print(f"{line.rstrip()}\n    expected: {what}")
    print(f"{checked} checked, {len(found)} wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
