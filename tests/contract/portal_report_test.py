#!/usr/bin/python3
"""The report on the national portal's copies: what was changed there behind our back is found, exactly that, and mended.

The portal is the simulator; its administration stands for whoever writes there besides us.
"""

import http.client
import json
import re
import sqlite3
import ssl

import platform_process
from foreign_client import channel, dossiers_grpc, request_id, submission
from foreign_client import pb
from platform_process import chance, wait_until

CALL_SECONDS = 60
WAIT_SECONDS = 60
COMMAND_SECONDS = 150
# As `lgsp init --demo` places it.
PORTAL_OFFSET = 10
OFFICER = [("lgsp-officer", "can-bo-7; H12.50.02; intake")]
PERSON = {"applicant_full_name": "Canary Thị Hường", "applicant_id_number": "096300000017"}
OPERATOR = "truc-ban-3"
SYNCED, FAILED = pb.PortalSync.SYNCED, pb.PortalSync.FAILED
NOTHING = {"kinds": [], "fields": [], "progress_rows_missing": 0, "progress_rows_unknown": 0}


class PortalReportTest(platform_process.PlatformTest):
    def setUp(self):
        opened = channel(self.platform, "demo-onestop")
        self.addCleanup(opened.close)
        self.stub = dossiers_grpc.DossiersStub(opened)

    # --- ours ----------------------------------------------------------------------------------

    def submitted(self, **changes):
        return self.stub.SubmitDossier(submission(**PERSON, **changes), timeout=CALL_SECONDS, metadata=OFFICER)

    def command(self, method, request, dossier, **fields):
        return method(request(name=dossier.name, request_id=request_id(), etag=dossier.etag, **fields),
                      timeout=CALL_SECONDS, metadata=OFFICER)

    def accepted(self, **changes):
        return self.command(self.stub.AcceptDossier, pb.AcceptDossierRequest, self.submitted(**changes))

    def sync_state(self, dossier):
        found = self.stub.GetDossier(pb.GetDossierRequest(name=dossier.name), timeout=CALL_SECONDS)
        return found.portal_sync.state

    def await_state(self, dossier, state):
        wait_until(lambda: self.sync_state(dossier) == state, WAIT_SECONDS, f"{dossier.name} has state {state}")

    def differences(self, *options):
        """Exit code, differences found (and after --repair those that remain), totals."""
        done = self.platform.lgsp("--output", "json", "portal", "differences", self.platform.folder, "--as", OPERATOR,
                                  *options, timeout=COMMAND_SECONDS)
        for secret in PERSON.values():
            self.assertNotIn(secret, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        at = next(i for i, line in enumerate(lines) if "different" in line)
        return done.returncode, lines[:at], lines[at + 1:], {name: int(value) for name, value in lines[at].items()}

    @staticmethod
    def told(difference):
        return {name: difference[name] for name in NOTHING}

    # --- the portal's --------------------------------------------------------------------------

    def portal(self, method, number, body=None):
        tls = ssl.create_default_context(cafile=self.platform.folder / "ca" / "authority.crt")
        tls.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.platform.base + PORTAL_OFFSET, timeout=CALL_SECONDS,
                                                 context=tls)
        try:
            connection.request(method, f"/sim/dossiers/{number}", body and json.dumps(body))
            response = connection.getresponse()
            text = response.read()
            self.assertEqual(response.status, 200, text)
            return json.loads(text)
        finally:
            connection.close()

    # --- tests ---------------------------------------------------------------------------------

    def test_changes_behind_our_back_are_found_and_mended(self):
        dossiers = [self.accepted() for _ in range(5)]
        refused = self.submitted()
        refused = self.command(self.stub.RejectDossier, pb.RejectDossierRequest, refused, reason="Thiếu giấy tờ")
        self.submitted()  # of which the portal is not to know
        for dossier in [*dossiers, refused]:
            self.await_state(dossier, SYNCED)
        numbers = [dossier.code for dossier in dossiers] + [refused.name.removeprefix("dossiers/")]
        held = {number: self.portal("GET", number) for number in numbers}
        code, found, _, before = self.differences()
        self.assertEqual((code, found, before["different"], before["not_compared"]), (0, [], 0, 0))
        self.assertGreaterEqual(before["dossiers"], len(numbers))

        chance.shuffle(numbers)
        renamed, removed, stepless, emptied = numbers[:4]
        self.portal("PUT", renamed, {**held[renamed], "ChuHoSo": "Một Người Khác", "GhiChu": "x"})
        self.portal("DELETE", removed)
        self.portal("PUT", stepless, {**held[stepless], "TienDo": held[stepless]["TienDo"][1:]})
        self.portal("PUT", emptied, {**held[emptied], "TrangThaiHoSo": "1", "TienDo": []})
        # What we send empty counts as what is not there.
        untouched = {**held[numbers[4]], "Fax": ""}
        self.portal("PUT", numbers[4], untouched)
        rows = {number: len(held[number]["TienDo"]) for number in numbers}
        expected = {
            renamed: {**NOTHING, "kinds": ["FIELDS"], "fields": ["ChuHoSo", "GhiChu"]},
            removed: {**NOTHING, "kinds": ["MISSING", "STEPS_MISSING"], "progress_rows_missing": rows[removed]},
            stepless: {**NOTHING, "kinds": ["STEPS_MISSING"], "progress_rows_missing": 1},
            emptied: {**NOTHING, "kinds": ["FIELDS", "STEPS_MISSING"], "fields": ["TrangThaiHoSo"],
                      "progress_rows_missing": rows[emptied]},
        }
        code, found, _, totals = self.differences()
        self.assertEqual(code, 1)
        self.assertEqual({one["number"]: self.told(one) for one in found}, expected)
        self.assertEqual(totals, {**before, "different": 4})
        self.assertEqual({one["portal_sync"]["state"] for one in found}, {"SYNCED"})
        # Looking wrote nothing.
        code, found, _, _ = self.differences("--since", "2000-01-01")
        self.assertEqual((code, len(found)), (1, 4))
        self.assertEqual(self.differences("--since", "2099-01-01")[3]["dossiers"], 0)
        self.assertEqual(self.differences("--state", "failed", "--since", "2000-01-01")[1], [])

        code, found, remaining, _ = self.differences("--repair")
        self.assertEqual((code, len(found), remaining), (0, 4, []))
        for number in numbers[:4]:
            copy = self.portal("GET", number)
            self.assertEqual({**copy, "TienDo": None}, {**held[number], "TienDo": None})
            key = lambda row: row["ThoiDiemXuLy"]
            self.assertEqual(sorted(copy["TienDo"], key=key), sorted(held[number]["TienDo"], key=key))
        self.assertEqual(self.portal("GET", numbers[4]), untouched)
        code, found, _, totals = self.differences()
        self.assertEqual((code, found, totals), (0, [], before))
        self.assert_audited(4)
        self.assert_nothing_personal_logged()

    def assert_audited(self, repairs):
        database = sqlite3.connect(f"file:{self.platform.folder}/data/dossiers.db?mode=ro", uri=True)
        self.addCleanup(database.close)
        kept = database.execute("SELECT system, operator_id, ordered FROM portal_repairs").fetchall()
        self.assertGreaterEqual(kept.count(("services/operator", OPERATOR, 1)), repairs)

    def assert_nothing_personal_logged(self):
        for path in self.platform.folder.glob("logs/*.log"):
            log = path.read_text(encoding="utf-8", errors="replace")
            for secret in PERSON.values():
                self.assertNotIn(secret, log, path)
        log = (self.platform.folder / "logs" / "dossiers.log").read_text(encoding="utf-8")
        self.assertRegex(log, r"an operator's command")

    def test_what_a_repair_cannot_cure_remains_told(self):
        dossier = self.accepted()
        self.await_state(dossier, SYNCED)
        held = self.portal("GET", dossier.code)
        foreign = {**held["TienDo"][0], "ThoiDiemXuLy": "20200101000000"}
        self.portal("PUT", dossier.code, {**held, "TienDo": [foreign, *held["TienDo"]]})
        only = ("--dossier", dossier.name)
        expected = {**NOTHING, "kinds": ["STEPS_UNKNOWN"], "progress_rows_unknown": 1}
        code, found, _, _ = self.differences(*only)
        self.assertEqual((code, [self.told(one) for one in found]), (1, [expected]))
        code, _, remaining, _ = self.differences(*only, "--repair")
        self.assertEqual((code, [self.told(one) for one in remaining]), (1, [expected]))
        # What is wrong besides is mended.
        self.portal("PUT", dossier.code, {**held, "GhiChu": "x", "TienDo": [foreign, *held["TienDo"]]})
        code, _, remaining, _ = self.differences(*only, "--repair")
        self.assertEqual((code, [self.told(one) for one in remaining]), (1, [expected]))
        # Whoever runs the portal takes it away.
        self.portal("PUT", dossier.code, held)
        self.assertEqual(self.differences("--dossier", f"dossiers/{dossier.code}")[:2], (0, []))

    def test_refused_by_the_portal_then_repaired(self):
        number = f"G22.99-261102-{chance.randrange(10**7):07}"
        other = self.accepted()
        self.await_state(other, SYNCED)
        dossier = self.submitted(foreign_codes=[pb.ForeignCode(issuer="portal", code=number)])
        dossier = self.command(self.stub.AcceptDossier, pb.AcceptDossierRequest, dossier)
        self.await_state(dossier, FAILED)
        code, found, _, totals = self.differences("--state", "failed")
        self.assertEqual((code, totals["dossiers"], len(found)), (1, 1, 1))
        self.assertEqual((found[0]["dossier"], found[0]["number"], found[0]["kinds"][0]),
                         (dossier.name, number, "MISSING"))
        self.assertEqual((found[0]["portal_sync"]["state"], found[0]["portal_sync"]["last_error_reason"]),
                         ("FAILED", "PORTAL_NUMBER_UNKNOWN"))
        self.assertRegex(found[0]["unsynced_age"], r"^[0-9.]+s$")
        # It is still refused: the number is not there.
        code, _, remaining, _ = self.differences("--state", "failed", "--repair")
        self.assertEqual((code, [one["dossier"] for one in remaining]), (1, [dossier.name]))
        # Another person's case, then the right one.
        copy = {**self.portal("GET", other.code), "MaHoSo": number, "TienDo": []}
        self.portal("PUT", number, {**copy, "SoGiayToChuHoSo": "096300999999"})
        self.assertEqual(self.differences("--state", "failed")[1][0]["kinds"], ["OTHER_CASE"])
        self.portal("PUT", number, copy)
        code, found, remaining, _ = self.differences("--state", "failed", "--repair")
        self.assertEqual((code, len(found), remaining), (0, 1, []))
        self.assertEqual(self.sync_state(dossier), SYNCED)
        self.assertEqual(self.portal("GET", number)["MaHoSoDonVi"], dossier.code)

    def test_words_for_people(self):
        dossier = self.accepted()
        self.await_state(dossier, SYNCED)
        self.portal("DELETE", dossier.code)
        done = self.platform.lgsp("portal", "differences", self.platform.folder, "--dossier", dossier.name, "--repair",
                                  timeout=COMMAND_SECONDS)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"{dossier.name}  {dossier.code}\n  not there; 2 steps missing\n  SYNCED\n", done.stdout)
        self.assertTrue(re.search(r"1 ordered to be told again, 1 mended, 0 remain\n$", done.stdout), done.stdout)
        for wrong, reason in ((("--since", "gestern"), "DATE_INVALID"), (("--dossier", "x"), "NAME_INVALID")):
            refused = self.platform.lgsp("portal", "differences", self.platform.folder, *wrong)
            self.assertEqual(refused.returncode, 1)
            self.assertRegex(refused.stderr, rf"^lgsp: error: .*\({reason}\)\n$")


if __name__ == "__main__":
    platform_process.main()
