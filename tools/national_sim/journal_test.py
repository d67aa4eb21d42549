"""The journal: what it holds, kill -9, torn and broken files, a full disk, one fsync for many."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import threading
import unittest
from unittest import mock

import journal
from sim_process import (MAPI, SEED, WAIT_SECONDS, Client, SimTest, command, dossier, new_code,
                         new_folder, path, progress)


class JournalTest(SimTest):
    def test_every_answer_is_recorded_and_no_secret_is(self):
        sim = self.start().login()
        row = dossier()
        sim.sync(row)
        sim.progress(progress(row["MaHoSo"]))
        sim.lookup(row["MaHoSo"])
        sim.sync(dossier(MaHoSo=row["MaHoSo"], TrangThaiHoSo="9"), updating="True")
        sim.sync(row)
        sim.http("POST", MAPI + "g", b"{}")
        records = sim.records()
        self.assertEqual([(r["n"], r["endpoint"], r["effect"], r["MaHoSo"], r["status"])
                          for r in records], [
            (1, "login", "login", [], []),
            (2, "DongBoHoSoMC", "insert", [row["MaHoSo"]], ["2"]),
            (3, "CapNhatTienDoHoSoMC", "progress", [row["MaHoSo"]], ["4"]),
            (4, "TraCuuHoSo", "lookup", [row["MaHoSo"]], []),
            (5, "DongBoHoSoMC", "update", [row["MaHoSo"]], ["9"]),
            (6, "DongBoHoSoMC", "refused", [row["MaHoSo"]], []),
            (7, "other", "refused", [], [])])
        self.assertEqual(records[1]["data"], [row])
        self.assertEqual(records[5]["answer"],
                         {"http": 200, "error_code": 1, "message": "duplicate refId"})
        self.assertEqual(records[6]["answer"]["http"], 400)
        text = json.dumps(records, ensure_ascii=False)
        self.assertNotIn(sim.session, text)
        self.assertNotIn("mật khẩu", text)

    def test_kill_and_restart_under_load(self):
        """Four clients that look up before they send, 20 % faults, kill -9 in the middle."""
        options = ("--faults", "20", "--delay-seconds", "0", "--seed", str(SEED))
        sims = [self.start(*options)]
        codes = [new_code() for _ in range(80)]
        acknowledged, enough, back = [], threading.Event(), threading.Event()

        def step(client, code):
            """True once the portal has the dossier and its progress."""
            found = client.lookup(code) if client.session else {"error_code": -1}
            if found["error_code"] == -1:
                client.login()
            elif found["error_code"] == 2:
                if client.sync(dossier(MaHoSo=code))["error_code"] in (0, "00"):
                    acknowledged.append(code)
                    if len(acknowledged) >= 30:
                        enough.set()
            elif not found["result"]["TienDo"]:
                client.progress(progress(code))
            else:
                return True
            return False

        def work(mine):
            sim = sims[-1]
            client = Client(sim.port)
            while mine:
                try:
                    if step(client, mine[0]):
                        mine.pop(0)
                # A reset, a page instead of JSON, an answer cut off by the kill.
                except (OSError, AssertionError, http.client.HTTPException):
                    if sim.process.poll() is not None:
                        self.assertTrue(back.wait(WAIT_SECONDS))
                        sim = sims[-1]
                        client = Client(sim.port)

        workers = [threading.Thread(target=work, args=(codes[n::4],), daemon=True)
                   for n in range(4)]
        for worker in workers:
            worker.start()
        self.assertTrue(enough.wait(WAIT_SECONDS))
        sims[0].end(signal.SIGKILL)
        kept = list(acknowledged)
        sims.append(self.start(*options, data=sims[0].data))
        for code in kept:
            self.assertEqual(sims[1].admin(f"dossiers/{code}")[0], 200)
        back.set()
        for worker in workers:
            worker.join(WAIT_SECONDS)
            self.assertFalse(worker.is_alive())
        state = sims[1].state()
        self.assertEqual((state["dossiers"], state["progress_rows"],
                          state["doubled_progress_rows"], state["statuses"]["4"]), (80, 80, 0, 80))
        records = sims[1].records()
        inserted = [r["MaHoSo"][0] for r in records if r["effect"] == "insert"]
        self.assertEqual(sorted(inserted), sorted(codes))
        self.assertEqual(state["records"], len(records))
        self.assertEqual(sum(state["faults"].values()),
                         sum(record["fault"] is not None for record in records))
        self.assertEqual(sims[1].end(), 0)
        self.assertEqual(self.start(data=sims[0].data).state(), state)

    def test_torn_last_line_is_cut_off(self):
        sim = self.start().login()
        rows = [dossier(), dossier()]
        for row in rows:
            self.assert_ok(sim.sync(row))
        sim.end(signal.SIGKILL)
        file = os.path.join(sim.data, "journal.jsonl")
        with open(file, "rb+") as handle:
            handle.truncate(os.path.getsize(file) - 1)
        sim = self.start(data=sim.data).login()
        self.assertEqual(sim.admin(f"dossiers/{rows[0]['MaHoSo']}")[0], 200)
        self.assertEqual(sim.admin(f"dossiers/{rows[1]['MaHoSo']}")[0], 404)
        self.assert_ok(sim.sync(rows[1]))
        self.assertEqual([r["n"] for r in sim.records()], [1, 2, 3, 4])

    def refused_start(self, *arguments):
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=WAIT_SECONDS,
                              check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_broken_lines_are_named(self):
        sim = self.start().login()
        row = dossier()
        self.assert_ok(sim.sync(row))
        self.assert_ok(sim.progress(progress(row["MaHoSo"])))
        sim.end()
        file = os.path.join(sim.data, "journal.jsonl")
        with open(file, encoding="utf-8") as handle:
            lines = handle.readlines()
        again = json.dumps({**json.loads(lines[1]), "n": 4}, ensure_ascii=False) + "\n"
        for broken, line in ((lines[:1] + ["x\n"] + lines[2:], 2), (lines[:1] + lines[2:], 2),
                             (lines + [again], 4), (lines[:2] + ["{}\n"], 3),
                             (lines + ["7\n"], 4)):
            with open(file, "w", encoding="utf-8") as handle:
                handle.writelines(broken)
            self.assertIn(f"journal.jsonl: line {line} is broken",
                          self.refused_start(*command(sim.data)))

    def test_refused_starts(self):
        sim = self.start()
        self.assertIn("another national_sim is using it", self.refused_start(*command(sim.data)))
        arguments = command(new_folder())
        at = arguments.index("--credentials")
        self.assertIn("--credentials", self.refused_start(*arguments[:at], *arguments[at + 2:]))
        arguments[at + 1] = path("missing.json")
        self.assertIn("cannot read", self.refused_start(*arguments))
        arguments[at + 1] = path("half.json")
        with open(path("half.json"), "w", encoding="utf-8") as handle:
            handle.write('{"username": "camau", "password": ""}')
        self.assertIn("must hold username and password", self.refused_start(*arguments))
        for more in (("--faults", "101"), ("--faults", "x"), ("--key", ""), ("--listen", "1")):
            self.refused_start(*command(new_folder(), *more))

    def test_a_full_disk_ends_it_without_a_false_answer(self):
        sim = self.start(limit_file=6000).login()
        acknowledged = []
        with self.assertRaises((OSError, AssertionError)):  # HTTP 500, or the process is gone
            for _ in range(100):
                row = dossier()
                self.assert_ok(sim.sync(row))
                acknowledged.append(row["MaHoSo"])
        self.assertEqual(sim.process.wait(WAIT_SECONDS), 1)
        self.assertIn("File too large", sim.errors())
        self.assertGreater(len(acknowledged), 3)
        sim = self.start(data=sim.data)
        for code in acknowledged:
            self.assertEqual(sim.admin(f"dossiers/{code}")[0], 200)

    def test_limit_of_dossiers(self):
        data = new_folder()
        rows = [{"MaHoSo": f"H12-{n}", "TrangThaiHoSo": "2", "NgayTiepNhan": "20261123083000"}
                for n in range(100_000)]
        with open(os.path.join(data, "journal.jsonl"), "w", encoding="utf-8") as handle:
            handle.write(json.dumps({"n": 1, "system": "portal", "effect": "insert", "data": rows,
                                     "fault": None}) + "\n")
        sim = self.start(data=data).login()
        self.assertEqual(sim.sync(dossier()),
                         {"error_code": 6, "message": "simulator limit: 100000 dossiers"})
        self.assert_ok(sim.sync(dossier(MaHoSo="H12-99999"), updating="True"))
        self.assertEqual(sim.state()["dossiers"], 100_000)

    def test_terminated_while_an_answer_is_held(self):
        sim = self.start("--delay-seconds", "3600").login()
        sim.admin("faults", {"endpoint": "DongBoHoSoMC", "kind": "delay", "times": 1})
        row = dossier()
        outcome = []

        def send():
            try:
                outcome.append(sim.sync(row))
            except OSError as error:
                outcome.append(error)

        client = threading.Thread(target=send)
        client.start()
        for _ in range(10_000):  # the effect is there while its answer is held
            if sim.state()["dossiers"] == 1:
                break
        self.assertEqual(sim.end(), 0)
        client.join(WAIT_SECONDS)
        self.assertIsInstance(outcome[0], OSError)
        self.assertEqual(self.start(data=sim.data).state()["dossiers"], 1)


class GroupCommitTest(unittest.TestCase):
    def test_nobody_is_answered_before_the_sync_and_many_share_one(self):
        asyncio.run(self.group_commit())

    async def group_commit(self):
        book = journal.Journal(new_folder())
        book.replay(self.fail)
        entered, allowed, syncs = threading.Event(), threading.Event(), []

        def fsync(_file):
            syncs.append(os.path.getsize(book.path))
            entered.set()
            self.assertTrue(allowed.wait(WAIT_SECONDS))

        with mock.patch.object(journal.os, "fsync", fsync):
            book.start(asyncio.get_running_loop(), self.fail)
            first = asyncio.ensure_future(book.append({"x": 0}))
            await asyncio.get_running_loop().run_in_executor(None, entered.wait, WAIT_SECONDS)
            # The disk is busy with the first; the loop is free and takes a hundred more.
            others = [asyncio.ensure_future(book.append({"x": n})) for n in range(1, 101)]
            read = asyncio.ensure_future(book.barrier())
            await asyncio.wait([first, *others, read], timeout=0.05)
            self.assertFalse(any(task.done() for task in (first, *others, read)))
            self.assertEqual(len(syncs), 1)
            others[4].cancel()  # a caller that goes away leaves its record
            allowed.set()
            await asyncio.wait_for(asyncio.gather(first, *others[5:], read), WAIT_SECONDS)
            book.close()
        self.assertEqual(len(syncs), 2)
        with open(book.path, encoding="utf-8") as lines:
            self.assertEqual([json.loads(line)["x"] for line in lines], list(range(101)))


if __name__ == "__main__":
    unittest.main()
