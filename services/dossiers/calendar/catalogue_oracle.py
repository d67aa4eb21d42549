#!/usr/bin/python3
"""Checks what is decided of every procedure that is settled here, from the catalogue's CSV files alone.

    catalogue_oracle.py CATALOG_FOLDER < decisions

A decision is one line of tab-separated fields: procedure, channel, settling agency when filed at the ward H12.50.01, and
what accepting it on START without more makes: `DUE <RFC 3339>` or the reason of the refusal; what it costs: `FIXED
<amount>` or a word. Every procedure of scope
HERE and every channel it offers must be there, once. Prints every difference and, last, how many decisions of each kind
there are; exits 1 if there is a difference.
"""

import collections
import csv
import datetime
import pathlib
import sys

import calendar_oracle

# In Vietnam, as all times of the oracle.
START = datetime.datetime(2026, 11, 16, 9)
WARD = "H12.50.01"


def table(folder, name):
    with open(folder / name, encoding="utf-8") as file:
        file.readline()  # the source
        return list(csv.DictReader(file))


def policies(folder):
    """Procedure -> policy -> value; `*` for what holds for all."""
    found = collections.defaultdict(dict)
    for row in table(folder, "procedure_policies.csv"):
        found[row["procedure"]][row["policy"]] = row["value"]
    return found


def outcome(calendar, terms, hours, chosen):
    """What accepting on START makes, by the terms printed for one channel."""
    different = {(term["class"], term["amount"], term["unit"]) for term in terms}
    if len(different) > 1:
        return "TERM_AMBIGUOUS"
    kind, amount, unit = next(iter(different), ("NONE", "", ""))
    if kind != "KNOWN" or not float(amount or 0):
        return "DUE_TIME_NEEDED"
    if unit == "HOUR" and float(amount) > 24 and float(amount) % 8:
        return "DUE_TIME_NEEDED"  # a slip for days
    if unit == "HOUR" and chosen["HOUR_TERM"] == "CONSECUTIVE":
        unit = "CONSECUTIVE_HOUR"
    parts = calendar_oracle.parse_term(f"{amount} {unit}")
    try:
        found = calendar_oracle.due(calendar, START, parts, hours, chosen["CUT_OFF"], [])
    except calendar_oracle.CalendarMissing:
        return "CALENDAR_MISSING"
    return f"DUE {found.due.isoformat()}+07:00"


def cost(fees):
    """What the fees printed for one channel tell of it."""
    printed = {fee["class"] for fee in fees}
    amounts = {int(fee["amount_vnd_as_printed"]) for fee in fees if fee["class"] == "KNOWN"}
    if not printed or printed & {"UNKNOWN", "DOUBTFUL", "FOREIGN"}:
        return "UNKNOWN"
    if "BY_COUNCIL" in printed:
        return "BY_COUNCIL"
    if printed == {"FREE"}:
        return "FREE"
    if printed == {"KNOWN"} and len(amounts) == 1:
        return f"FIXED {amounts.pop()}"
    return "CHOICE"


def competent(row, competences):
    """Who settles a procedure that is filed at WARD without saying more; None: cannot be said."""
    named = [c["agency"] for c in competences
             if (c["level"], c["field"], c["place"]) == (row["level"], row["field"], "*")]
    if named:
        return named[0] if len(named) == 1 else None
    return row["sector_agency"] if row["level"] == "Tỉnh" else WARD


def expected(folder):
    competences = table(folder, "competences.csv")
    centre = next(row["agency_code"] for row in table(folder, "camau_agencies.csv")
                  if row["kind"] == "SERVICE_CENTRE")
    calendar = calendar_oracle.Calendar(folder / "vn_civil_service_days_2021_2027.csv")
    hours = calendar_oracle.parse_hours(
        next(row["hours"] for row in table(folder, "working_hours.csv") if row["agency"] == "*"))
    chosen = policies(folder)
    terms = collections.defaultdict(list)
    for term in table(folder, "tthc_terms.csv"):
        terms[term["code"], term["channel"]].append(term)
    fees = collections.defaultdict(list)
    for fee in table(folder, "tthc_fees.csv"):
        fees[fee["code"], fee["channel"]].append(fee)
    for row in table(folder, "tthc.csv"):
        if row["scope"] == "HERE":
            settling = competent(row, competences)
            for channel in row["channels"].split("|"):
                makes = "COMPETENCE_UNDETERMINED" if settling is None else outcome(
                    calendar, terms[row["code"], channel], hours, chosen["*"] | chosen.get(row["code"], {}))
                yield "\t".join((row["code"], channel, settling or centre, makes, cost(fees[row["code"], channel])))


def main():
    given = collections.Counter(sys.stdin.read().splitlines())
    wanted = collections.Counter(expected(pathlib.Path(sys.argv[1])))
    wrong = [f"not expected: {line}" for line in given - wanted] + [f"missing: {line}" for line in wanted - given]
    print("\n".join(wrong[:20]), end="\n" if wrong else "")
    for column in (3, 4):
        kinds = collections.Counter(line.split("\t")[column].split()[0] for line in wanted.elements())
        print(", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
