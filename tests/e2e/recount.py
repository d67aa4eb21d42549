"""What a journey left behind, counted again: the plan, the simulator's journal, the database.

Shares no code with `lgsp journey`, which counts for itself.
"""

import collections
import contextlib
import csv
import io
import json
import re
import sqlite3
import subprocess

# lgsp.dossiers.v1.Dossier.State
STATES = ("", "SUBMITTED", "ACCEPTED", "COMPLETED", "RETURNED", "REJECTED", "SUPPLEMENT_ASKED_AT_INTAKE", "TRANSFERRED",
          "IN_PROGRESS", "SUPPLEMENT_ASKED", "WAITING_PAYMENT", "WAITING_AGENCY", "SIGNED", "WITHDRAWN", "STOPPED", "EXPIRED")
SQL_SECONDS = 60
PORTAL_STATUS = {"RETURNED": "10", "REJECTED": "3", "WITHDRAWN": "7"}


def lines(path):
    """The whole lines of a file of JSON lines; one that a crash has torn is none."""
    data = path.read_bytes()
    return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]


def database_of(folder, service="dossiers"):
    """Where `lgsp up` has the database: a SQLite file, or the URL of one on a PostgreSQL server."""
    remembered = folder / "data" / "postgres.textproto"
    if not remembered.exists():
        return folder / "data" / f"{service}.db"
    server, = re.findall(r'^server: "(.*)"$', remembered.read_text(encoding="utf-8"), re.MULTILINE)
    host, _, options = server.partition("?")
    return f"{host.rstrip('/') if host.count('/') > 2 else host}/lgsp_{service}?{options}"


def rows(source, sql):
    """The rows of a query; those of PostgreSQL are text, and NULL is empty."""
    if not str(source).startswith("postgresql:"):
        with contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(sql).fetchall()
    command = ["psql", "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "--csv", "-t", "-d", source, "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SQL_SECONDS)
    if done.returncode != 0:
        raise AssertionError(f"{sql}: {done.stderr}")
    return list(csv.reader(io.StringIO(done.stdout)))


class Plan:
    """DIR/journey/plan.jsonl"""

    def __init__(self, path):
        self.header, self.dossiers, self.ended, self.done = None, {}, collections.defaultdict(list), None
        for record in lines(path):
            (kind, value), = record.items()
            if kind == "plan":
                self.header = value
            elif kind == "dossier":
                self.dossiers[value["number"]] = value
            elif kind == "ended":
                self.ended[value["number"]].append(value)
            else:
                self.done = value["line"]

    def planned(self, end):
        return sum(dossier["end"] == end for dossier in self.dossiers.values())

    def having(self, command):
        """How many dossiers are given this command."""
        return sum(any(command in step for step in dossier["steps"]) for dossier in self.dossiers.values())


class Journal:
    """The effects on the portal's copies, and the faults."""

    def __init__(self, path):
        self.inserts, self.status, self.subject = collections.Counter(), {}, {}
        self.progress = collections.defaultdict(collections.Counter)
        self.faults = collections.Counter()
        for record in lines(path):
            if record["fault"]:
                self.faults[record["fault"]] += 1
            for row in record["data"] or ():
                self.add(record["effect"], row)

    def add(self, effect, row):
        number = row["MaHoSo"]
        if effect == "progress":
            self.progress[number][row["TrangThai"], row["ThoiDiemXuLy"]] += 1
            self.status[number] = row["TrangThai"]
            return
        self.inserts[number] += effect == "insert"
        self.status[number] = row["TrangThaiHoSo"]
        self.subject[number] = row["TrichYeuHoSo"]


class Database:
    """The dossiers' rows, read from the database itself."""

    def __init__(self, source):
        self.dossiers = {name: (int(state), code or None) for name, state, code in
                         rows(source, "SELECT name, state, code FROM dossiers")}
        self.transitions = collections.defaultdict(list)
        for name, state in rows(source, "SELECT dossier, state FROM transitions ORDER BY dossier, revision"):
            self.transitions[name].append(STATES[int(state)])


def differences(plan, journal, database):
    """Every way in which what is there is not what was planned; nothing else may be there."""
    found = []

    def check(number, what, is_now, expected):
        if is_now != expected:
            found.append(f"dossier {number}: {what}: {is_now!r} instead of {expected!r}")

    names, numbers = set(), set()
    for number, planned in plan.dossiers.items():
        end, ended = planned["end"], plan.ended.get(number, [])
        check(number, "times ended", len(ended), 1)
        if len(ended) != 1:
            continue
        name, portal = ended[0]["name"], ended[0]["portalNumber"]
        names.add(name)
        numbers.add(portal)
        state, code = database.dossiers.get(name, (None, None))
        check(number, "end in the plan", ended[0]["state"], end)
        way = [step["state"] for step in planned["steps"]]
        check(number, "end of its way", way[-1], end)
        check(number, "state in the database", STATES[state or 0], end)
        check(number, "commands in the database", database.transitions.get(name), way)
        check(number, "number at the portal", portal, code or name.removeprefix("dossiers/"))
        check(number, "inserts at the portal", journal.inserts[portal], 1)
        check(number, "status at the portal", journal.status.get(portal), PORTAL_STATUS[end])
        check(number, "subject at the portal", journal.subject.get(portal), planned["steps"][0]["submit"]["subject"])
        final = sum(times for (status, _), times in journal.progress[portal].items() if status == PORTAL_STATUS[end])
        check(number, "final progress rows", final, 1)
        check(number, "progress rows", len(journal.progress[portal]), len(way))
        doubled = [row for row, times in journal.progress[portal].items() if times > 1]
        check(number, "progress rows sent twice", doubled, [])
    check("any", "names", len(names), len(plan.dossiers))
    check("any", "dossiers in the database", set(database.dossiers), names)
    check("any", "copies at the portal", set(journal.status), numbers)
    return found
