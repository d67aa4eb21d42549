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
# lgsp.dossiers.v1.Result.State
SIGNED = 2
# lgsp.dossiers.v1.Applicant.Kind is the portal's LoaiDoiTuong.
KINDS = {"CITIZEN": "1", "BUSINESS": "2", "AGENCY": "3", "OTHER": "4"}
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

    def documents(self, number):
        """Those that the answers to this dossier told of; a paper has an item, a result's content has none."""
        return [document for ended in self.ended.get(number, ()) for document in ended.get("documents", ())]

    def reuse_from(self, number):
        """The earlier dossier whose first paper this one reuses; 0: none."""
        return max(step.get("reuseFrom", 0) for step in self.dossiers[number]["steps"])

    def papers(self):
        """How many were uploaded, reused, and signed as results."""
        every = [document for number in self.ended for document in self.documents(number)]
        reused = sum("source" in document for document in every)
        results = sum("item" not in document for document in every)
        return len(every) - reused - results, reused, results

    def organisations(self):
        return sum(dossier["steps"][0]["submit"]["applicant"]["kind"] != "CITIZEN"
                   for dossier in self.dossiers.values())


class Journal:
    """The effects on the portal's copies, and the faults."""

    def __init__(self, path):
        self.inserts, self.status, self.subject, self.applicant = collections.Counter(), {}, {}, {}
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
        self.applicant[number] = (row["LoaiDoiTuong"], row["SoGiayToChuHoSo"], row["ChuHoSo"])


class Database:
    """The dossiers' rows, read from the database itself."""

    def __init__(self, source):
        self.dossiers = {name: (int(state), code or None) for name, state, code in
                         rows(source, "SELECT name, state, code FROM dossiers")}
        self.transitions = collections.defaultdict(list)
        for name, state in rows(source, "SELECT dossier, state FROM transitions ORDER BY dossier, revision"):
            self.transitions[name].append(STATES[int(state)])
        # Of each dossier its documents; of each of these the file that has its content.
        self.documents, self.files = collections.defaultdict(set), {}
        for dossier, name, file in rows(source, "SELECT dossier, name, file FROM documents"):
            self.documents[dossier].add(name)
            self.files[name] = file
        self.links = {file: int(links) for file, links in rows(source, "SELECT file, links FROM document_contents")}
        self.totals = {name: int(documents) for name, documents in
                       rows(source, "SELECT dossier, documents FROM document_totals")}
        self.results = collections.defaultdict(list)
        for name, state in rows(source, "SELECT dossier, state FROM results"):
            self.results[name].append(int(state))


def paper_differences(plan, database, number, check):
    """The documents of a dossier that ended: those its answers told of, and as many as were planned."""
    planned, name = plan.dossiers[number], plan.ended[number][0]["name"]
    told, there = plan.documents(number), database.documents.get(name, set())
    papers = [document for document in told if "item" in document]
    check(number, "documents in the database", sorted(there), sorted(document["name"] for document in told))
    check(number, "documents counted", database.totals.get(name, 0), len(told))
    check(number, "papers beyond the plan",
          max(0, len(papers) - sum(step.get("papers", 0) for step in planned["steps"])), 0)
    check(number, "items with two papers",
          [item for item, times in collections.Counter(paper["item"] for paper in papers).items() if times > 1], [])
    signed = sum("signResult" in step for step in planned["steps"])
    check(number, "contents of results", len(told) - len(papers), signed)
    check(number, "results in the database", database.results.get(name, []), [SIGNED] * signed)
    earlier = plan.reuse_from(number)
    sources = [document["name"] for document in plan.documents(earlier) if "item" in document][:1]
    check(number, "papers reused", [paper["source"] for paper in papers if "source" in paper], sources)
    for paper in papers:
        if "source" in paper:
            check(number, "file of a reused paper", database.files.get(paper["name"]),
                  database.files.get(paper["source"]))


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
        applicant = planned["steps"][0]["submit"]["applicant"]
        check(number, "applicant at the portal", journal.applicant.get(portal),
              (KINDS[applicant["kind"]], applicant["idNumber"], applicant["fullName"]))
        paper_differences(plan, database, number, check)
        check(number, "subject at the portal", journal.subject.get(portal), planned["steps"][0]["submit"]["subject"])
        final = sum(times for (status, _), times in journal.progress[portal].items() if status == PORTAL_STATUS[end])
        check(number, "final progress rows", final, 1)
        check(number, "progress rows", len(journal.progress[portal]), len(way))
        doubled = [row for row, times in journal.progress[portal].items() if times > 1]
        check(number, "progress rows sent twice", doubled, [])
    check("any", "names", len(names), len(plan.dossiers))
    check("any", "dossiers in the database", set(database.dossiers), names)
    check("any", "dossiers with documents", set(database.documents) - names, set())
    check("any", "links of files", database.links, dict(collections.Counter(database.files.values())))
    check("any", "copies at the portal", set(journal.status), numbers)
    return found
