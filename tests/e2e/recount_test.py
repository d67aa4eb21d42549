#!/usr/bin/python3
"""recount.py: it finds each way in which a journey's end can differ from its plan."""

import json
import pathlib
import sqlite3
import tempfile
import unittest

import recount

NAMES = {1: "dossiers/a", 2: "dossiers/b"}


class RecountTest(unittest.TestCase):
    """One dossier returned with a code and a signed result, one rejected without; it reuses a paper of the first."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="recount_test.")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.expect()

    def expect(self):
        self.plan = [{"plan": {"dossiers": 2}},
                     self.dossier(1, "một", "SUBMITTED", "ACCEPTED", "SIGNED", "RETURNED"),
                     self.dossier(2, "hai", "SUBMITTED", "REJECTED"),
                     {"ended": {"number": 1, "name": NAMES[1], "portalNumber": "H-1", "state": "RETURNED",
                                "documents": [{"name": "p1", "item": 1}, {"name": "p2", "item": 2}, {"name": "r"}]}},
                     {"ended": {"number": 2, "name": NAMES[2], "portalNumber": "b", "state": "REJECTED",
                                "documents": [{"name": "p3", "item": 1, "source": "p1"}]}},
                     {"done": {"line": "journey: 2"}}]
        self.journal = [self.effect("insert", "H-1", "2", "một"), self.effect("insert", "b", "3", "hai"),
                        self.effect("progress", "b", "1"), self.effect("progress", "b", "3"),
                        self.effect("progress", "H-1", "1"), self.effect("progress", "H-1", "2"),
                        self.effect("progress", "H-1", "9"),
                        {"fault": "http_500", "effect": "none", "data": []},
                        self.effect("update", "H-1", "10", "một"), self.effect("progress", "H-1", "10")]
        self.plan[1]["dossier"]["steps"][1]["papers"] = 2
        self.plan[1]["dossier"]["steps"][2]["signResult"] = {}
        self.plan[2]["dossier"]["steps"][1] |= {"papers": 1, "reuseFrom": 1}
        self.documents = [(NAMES[1], "p1", "f1"), (NAMES[1], "p2", "f2"), (NAMES[1], "r", "f3"), (NAMES[2], "p3", "f1")]
        self.contents = [("f1", 2), ("f2", 1), ("f3", 1)]
        self.totals = [(NAMES[1], 3), (NAMES[2], 1)]
        self.results = [(NAMES[1], 2)]
        self.dossiers = [(NAMES[1], 4, "H-1"), (NAMES[2], 5, None)]
        self.transitions = [(NAMES[1], 1, 1), (NAMES[1], 2, 2), (NAMES[1], 3, 12), (NAMES[1], 4, 4),
                            (NAMES[2], 1, 1), (NAMES[2], 2, 5)]

    def dossier(self, number, subject, *states):
        steps = [{"state": state, "unit": "H"} for state in states]
        steps[0]["submit"] = {"subject": subject, "applicant": {
            "kind": ("CITIZEN", "BUSINESS")[number - 1], "idNumber": f"id {subject}",
            "fullName": f"name {subject}"}}
        return {"dossier": {"number": number, "end": states[-1], "steps": steps}}

    def effect(self, effect, number, status, subject=None):
        row = {"MaHoSo": number, "TrangThai": status, "ThoiDiemXuLy": f"t{status}"} if effect == "progress" else {
            "MaHoSo": number, "TrangThaiHoSo": status, "TrichYeuHoSo": subject, "LoaiDoiTuong": "12"[number == "b"],
            "SoGiayToChuHoSo": f"id {subject}", "ChuHoSo": f"name {subject}"}
        return {"fault": None, "effect": effect, "data": [row]}

    def write(self, name, records, torn=""):
        path = self.folder / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records) + torn, encoding="utf-8")
        return path

    def found(self, torn=""):
        database = self.folder / "dossiers.db"
        database.unlink(missing_ok=True)
        with sqlite3.connect(database) as made:
            made.execute("CREATE TABLE dossiers (name, state, code)")
            made.execute("CREATE TABLE transitions (dossier, revision, state)")
            made.execute("CREATE TABLE documents (dossier, name, file)")
            made.execute("CREATE TABLE document_contents (file, links)")
            made.execute("CREATE TABLE document_totals (dossier, documents)")
            made.execute("CREATE TABLE results (dossier, state)")
            made.executemany("INSERT INTO documents VALUES (?, ?, ?)", self.documents)
            made.executemany("INSERT INTO document_contents VALUES (?, ?)", self.contents)
            made.executemany("INSERT INTO document_totals VALUES (?, ?)", self.totals)
            made.executemany("INSERT INTO results VALUES (?, ?)", self.results)
            made.executemany("INSERT INTO dossiers VALUES (?, ?, ?)", self.dossiers)
            made.executemany("INSERT INTO transitions VALUES (?, ?, ?)", self.transitions)
        made.close()
        self.read_plan = recount.Plan(self.write("plan.jsonl", self.plan, torn))
        self.read_journal = recount.Journal(self.write("journal.jsonl", self.journal, torn))
        return recount.differences(self.read_plan, self.read_journal, recount.Database(database))

    def test_all_well(self):
        self.assertEqual(self.found(torn='{"half": '), [])
        self.assertEqual((self.read_plan.planned("RETURNED"), self.read_plan.done), (1, "journey: 2"))
        self.assertEqual(self.read_journal.faults, {"http_500": 1})
        self.assertEqual((self.read_plan.papers(), self.read_plan.organisations()), ((2, 1, 1), 1))

    def assert_finds(self, text):
        self.assertIn(text, "\n".join(self.found()))

    def test_plan(self):
        ended = self.plan.pop(3)
        self.assert_finds("dossier 1: times ended: 0 instead of 1")
        self.plan += [ended, ended]
        self.assert_finds("dossier 1: times ended: 2 instead of 1")

    def test_database(self):
        self.transitions.remove((NAMES[1], 3, 12))
        self.assert_finds("dossier 1: commands in the database")
        self.dossiers[1] = (NAMES[2], 1, None)
        self.assert_finds("dossier 2: state in the database: 'SUBMITTED' instead of 'REJECTED'")
        self.dossiers.append(("dossiers/c", 1, None))
        self.assert_finds("dossier any: dossiers in the database")

    def test_documents(self):
        def told(number):
            return self.plan[2 + number]["ended"]["documents"]

        cases = ((lambda: self.documents.pop(0), "dossier 1: documents in the database: ['p2', 'r'] instead of"),
                 (lambda: self.documents.append((NAMES[1], "p9", "f9")), "dossier 1: documents in the database"),
                 (lambda: self.documents.append(("dossiers/c", "p9", "f9")), "dossier any: dossiers with documents"),
                 (lambda: self.documents.__setitem__(3, (NAMES[2], "p3", "f4")),
                  "dossier 2: file of a reused paper: 'f4' instead of 'f1'"),
                 (lambda: self.contents.pop(1), "dossier any: links of files"),
                 (lambda: self.contents.append(("f9", 1)), "dossier any: links of files"),
                 (lambda: self.totals.__setitem__(0, (NAMES[1], 4)), "dossier 1: documents counted: 4 instead of 3"),
                 (lambda: self.results.pop(), "dossier 1: results in the database: [] instead of [2]"),
                 (lambda: self.results.append((NAMES[1], 1)), "dossier 1: results in the database: [2, 1]"),
                 (lambda: told(2)[0].pop("source"), "dossier 2: papers reused: [] instead of ['p1']"),
                 (lambda: told(2)[0].update(source="p2"), "dossier 2: papers reused: ['p2'] instead of ['p1']"),
                 (lambda: told(2).append({"name": "p4", "item": 2}),
                  "dossier 2: papers beyond the plan: 1 instead of 0"),
                 (lambda: told(1)[1].update(item=1), "dossier 1: items with two papers: [1] instead of []"),
                 (lambda: told(1).pop(), "dossier 1: contents of results: 0 instead of 1"))
        for spoil, text in cases:
            with self.subTest(text):
                self.expect()
                self.assertEqual(self.found(), [])
                spoil()
                self.assert_finds(text)

    def test_applicant(self):
        self.plan[2]["dossier"]["steps"][0]["submit"]["applicant"]["kind"] = "OTHER"
        self.assert_finds("dossier 2: applicant at the portal: ('2', 'id hai', 'name hai') instead of ('4',")

    def test_portal(self):
        rows = ((self.effect("progress", "H-1", "10"), "dossier 1: final progress rows: 2 instead of 1"),
                (self.effect("progress", "H-1", "2"), "dossier 1: status at the portal: '2' instead of '10'"),
                (self.effect("progress", "b", "3"), "dossier 2: progress rows sent twice: [('3', 't3')] instead of []"),
                (self.effect("insert", "b", "3", "hai"), "dossier 2: inserts at the portal: 2 instead of 1"),
                (self.effect("update", "b", "3", "khác"), "dossier 2: subject at the portal"),
                (self.effect("insert", "other", "1", "?"), "dossier any: copies at the portal"))
        for record, text in rows:
            with self.subTest(text):
                self.journal.append(record)
                self.assert_finds(text)
                self.journal.pop()
        del self.journal[-1]
        self.assert_finds("dossier 1: final progress rows: 0 instead of 1")


if __name__ == "__main__":
    unittest.main()
