#!/usr/bin/python3
"""Journeys through a platform of this build: whole, with faults, with everything killed in the middle, on each engine.

How they ended is counted again by recount.py, from what is still there when the platform is not.
"""

import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "contract"), str(ROOT / "tests" / "integration")]

# pylint: disable=wrong-import-position
import platform_process
import recount
from kafka_test import Broker
from platform_process import BUILD, LGSP, Platform, is_free, wait_until
from postgres_server import PostgresServer

FAULT_KINDS = {"delay", "duplicate", "expired_session", "http_500", "http_503", "reset_after", "reset_before"}
LAST_LINE = re.compile(r"journey: (\d+) dossiers, (\d+) returned, (\d+) rejected, (\d+) withdrawn, "
                       r"(\d+) stuck, (\d+) lost")
JOURNEY_SECONDS = 300
WAIT_SECONDS = 60


class Journey:
    """`lgsp journey` as a process; its lines are kept with the times they came."""

    def __init__(self, platform, *options):
        self.path = platform.scratch / f"journey.{time.monotonic_ns()}.log"
        with open(self.path, "wb") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", LGSP, "journey", platform.folder, *map(str, options)],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.begun = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def output(self):
        return self.path.read_text(encoding="utf-8")

    def wait(self):
        self.process.wait(JOURNEY_SECONDS)
        self.seconds = time.monotonic() - self.begun
        return self.process.returncode

    def progress(self):
        """The n of the plain lines `journey: n/N`, so far."""
        return [(int(done), int(total)) for done, total in
                re.findall(r"^journey: (\d+)/(\d+)$", self.output, re.MULTILINE)]


class PostgresPlatform(Platform):
    """A platform whose databases are on `server`."""

    def __init__(self, server):
        self.server = server
        super().__init__()

    def start(self, faults=0, seed=None, kafka=None):
        with open(self.scratch / "up.log", "ab") as log:
            # pylint: disable-next=consider-using-with
            self.up = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", LGSP, "up", self.folder, "--postgres", self.server], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL)
        self.wait_ready()


class UnstartedPlatform(Platform):
    """A folder with free ports."""

    def start(self, faults=0, seed=None, kafka=None):
        pass


class JourneyCase(unittest.TestCase):
    def start(self, kind=Platform, **options):
        platform = kind(**options)
        self.addCleanup(platform.stop)
        return platform

    def journey(self, platform, *options):
        begun = Journey(platform, "--timeout", JOURNEY_SECONDS, *options)
        self.addCleanup(begun.__exit__)
        return begun

    def check_end(self, platform, journey, dossiers):
        """The journey's exit code, its last line, and what recount finds."""
        code = journey.wait()
        output = journey.output
        self.assertEqual(code, 0, output + platform.logs())
        self.check_output(output, platform.folder, dossiers)
        progress = journey.progress()
        self.assertEqual(progress[-1], (dossiers, dossiers))
        self.assertEqual(progress, sorted(progress))
        # One each second; half of them would still be no silence.
        self.assertGreaterEqual(len(progress), journey.seconds / 2)

    def check_output(self, output, folder, dossiers):
        last = LAST_LINE.fullmatch(output.splitlines()[-1])
        self.assertTrue(last, output)
        total, returned, rejected, withdrawn, stuck, lost = map(int, last.groups())
        self.assertEqual((total, stuck, lost), (dossiers, 0, 0), output)
        self.assertEqual(returned + rejected + withdrawn, dossiers)
        plan = recount.Plan(pathlib.Path(self.printed(output, "plan")))
        journal = recount.Journal(pathlib.Path(self.printed(output, "portal journal")))
        database = recount.Database(recount.database_of(folder))
        self.assertEqual((plan.planned("RETURNED"), plan.planned("REJECTED"), plan.planned("WITHDRAWN")),
                         (returned, rejected, withdrawn))
        self.assertEqual(len(plan.dossiers), dossiers)
        self.assertEqual(plan.done, last[0])
        self.assertEqual(recount.differences(plan, journal, database), [])
        uploaded, reused, results = plan.papers()
        self.assertRegex(self.printed(output, "papers"),
                         rf"^{uploaded} uploaded, {reused} reused, {results} results; \d+ read back$")
        self.assertEqual(self.printed(output, "organisations"), f"{plan.organisations()} of {dossiers} applicants")
        faults = dict(re.findall(r"(\w+) (\d+)", self.printed(output, "faults")))
        self.assertEqual({kind: int(times) for kind, times in faults.items()}, dict(journal.faults))
        return journal

    def printed(self, output, name):
        found = re.findall(rf"^{name}: (.*)$", output, re.MULTILINE)
        self.assertEqual(len(found), 1, output)
        return found[0]

    def ended(self, platform):
        path = platform.folder / "journey" / "plan.jsonl"
        return len(recount.Plan(path).ended) if path.exists() else 0

    def quickstart(self, platform, *options):
        command = [ROOT / "tools" / "quickstart", "--preset", BUILD.name, "--data", platform.folder, *options]
        path = platform.scratch / f"quickstart.{time.monotonic_ns()}.log"
        with open(path, "wb") as log:
            # The signal of Ctrl-C is ignored by what a shell has started in the background.
            # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process, path


class JourneyTest(JourneyCase):
    def test_quickstart(self):
        # In a folder that is made, so that its ports are free ones.
        platform = self.start()
        self.assertEqual(platform.end(), 0)
        process, log = self.quickstart(platform, "--dossiers", "20", "--exit")
        code = process.wait(JOURNEY_SECONDS)
        output = log.read_text(encoding="utf-8")
        self.assertEqual(code, 0, output + platform.logs())
        self.check_output(output, platform.folder, 20)
        self.assertIn("\njourney: 20/20\n", output)
        self.assertEqual(platform.lgsp("status", platform.folder).returncode, 4, "everything has ended")

    def test_quickstart_stays_until_interrupted(self):
        platform = self.start()
        self.assertEqual(platform.end(), 0)
        process, log = self.quickstart(platform, "--dossiers", "5")
        wait_until(lambda: LAST_LINE.search(log.read_text(encoding="utf-8")) or process.poll() is not None,
                   JOURNEY_SECONDS, "the journey ends")
        self.assertIsNone(process.poll(), log.read_text(encoding="utf-8"))
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: len(children.read_text(encoding="ascii").split()) == 1, WAIT_SECONDS,
                   "quickstart has `lgsp up` only")
        self.assertEqual(platform.lgsp("status", platform.folder).returncode, 0, "the platform stays")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(WAIT_SECONDS), 0)
        self.assertEqual(platform.lgsp("status", platform.folder).returncode, 4, "everything has ended")
        self.check_output(log.read_text(encoding="utf-8"), platform.folder, 5)

    def test_faults(self):
        platform = self.start(faults=10, seed=platform_process.SEED)
        journey = self.journey(platform, "--dossiers", 100)
        self.check_end(platform, journey, 100)
        journal = self.check_output(journey.output, platform.folder, 100)
        self.assertEqual(set(journal.faults), FAULT_KINDS)
        print(f"faults: {dict(sorted(journal.faults.items()))}", flush=True)

    def test_same_command_twice(self):
        platform = self.start()
        second = platform.lgsp("up", platform.folder)
        self.assertEqual(second.returncode, 1)
        self.assertRegex(second.stderr, r"^lgsp: error: .* \(ALREADY_RUNNING\)\n$")
        journey = self.journey(platform, "--dossiers", 200)
        wait_until(journey.progress, WAIT_SECONDS, "the journey is under way")
        second = platform.lgsp("journey", platform.folder)
        self.assertEqual(second.returncode, 1)
        self.assertRegex(second.stderr, r"^lgsp: error: .* \(JOURNEY_RUNNING\)\n$")
        self.check_end(platform, journey, 200)
        plan = recount.Plan(platform.folder / "journey" / "plan.jsonl")
        for command, least in (("askSupplement", 20), ("forward", 10), ("beginWait", 10), ("reappoint", 8), ("sign", 5),
                               ("withdraw", 8), ("reject", 20)):
            self.assertGreaterEqual(plan.having(command), least, command)
        submissions = [dossier["steps"][0]["submit"] for dossier in plan.dossiers.values()]
        self.assertEqual({submit["channel"] for submit in submissions}, {"DIRECT", "ONLINE", "POSTAL"})
        self.assertGreaterEqual(sum("assistance" in submit for submit in submissions), 20)


    # The plan is the citizens' side, the simulator the nation's: both know who asks.
    NOT_OURS = ("journey", "national_sim")

    def people(self, platform):
        """Everything that tells who asks, in every dossier of the plan."""
        plan = recount.Plan(platform.folder / "journey" / "plan.jsonl")
        told = set()
        for dossier in plan.dossiers.values():
            submit = dossier["steps"][0]["submit"]
            told |= {submit["applicant"][field] for field in ("fullName", "idNumber", "phone", "email")
                     if submit["applicant"].get(field)}
            told.add(submit["subject"])
            told |= {text for step in dossier["steps"] for command in step.values() if isinstance(command, dict)
                     for text in [command.get("reason"), *command.get("items", ())] if text}
        return told

    def test_nobody_is_readable_in_what_it_leaves(self):
        """Databases, write-ahead logs, logs, configuration, states; and what Prometheus is told."""
        platform = self.start()
        journey = self.journey(platform, "--dossiers", 60)
        self.check_end(platform, journey, 60)
        people = [text.encode() for text in self.people(platform)]
        self.assertGreater(len(people), 200)
        contents = {}
        for service in ("gateway", "dossiers", "national", "insights", "evidence"):
            with urllib.request.urlopen(f"http://{platform.metrics_of(service)}/metrics", timeout=WAIT_SECONDS) as answer:
                contents[f"metrics of {service}"] = answer.read()
        for path in platform.folder.rglob("*"):
            if path.is_file() and not set(path.relative_to(platform.folder).parts) & set(self.NOT_OURS):
                contents[str(path)] = path.read_bytes()
        self.assertGreater(sum(len(content) for content in contents.values()), 1_000_000)
        self.assertTrue(any(name.endswith("dossiers.db") for name in contents))
        self.assertTrue(any(name.endswith(".log") for name in contents))
        for name, content in contents.items():
            found = [text.decode() for text in people if text in content]
            self.assertEqual(found, [], name)


class KillCase(JourneyCase):
    """kill -9 of everything in the middle; another run finishes what was planned, from what is there."""

    def kill(self, platform, pids):
        self.assertEqual(set(pids), {"up", "gateway", "dossiers", "national", "insights", "evidence",
                                     "national_sim", "agency_signing"})
        platform.kill_everything(pids)
        wait_until(lambda: not any(self.alive(pid) for pid in pids.values()), WAIT_SECONDS, "all have ended")
        self.assertEqual(platform.lgsp("status", platform.folder).returncode, 4)

    def alive(self, pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                return stat.read().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def left(self, platform):
        """What no later run may take away."""
        database = recount.Database(recount.database_of(platform.folder))
        return (recount.lines(platform.folder / "journey" / "plan.jsonl"),
                recount.lines(platform.folder / "data" / "national_sim" / "journal.jsonl"),
                {(name, *states) for name, states in database.transitions.items()})

    def check_kept(self, before, after):
        for was, now in zip(before[:2], after[:2]):
            self.assertEqual(now[:len(was)], was)
        later = {states[:length] for states in after[2] for length in range(2, len(states) + 1)}
        self.assertLessEqual(before[2], later)


class KillTest(KillCase):
    DOSSIERS = 300

    def test_kill_everything(self):
        platform = self.start()
        pids = platform.pids()
        journey = self.journey(platform, "--dossiers", self.DOSSIERS)
        wait_until(lambda: self.ended(platform) >= self.DOSSIERS // 10, WAIT_SECONDS, "a tenth has ended")
        self.kill(platform, pids)
        journey.process.kill()
        journey.process.wait()
        first = self.left(platform)
        self.assertLess(self.ended(platform), self.DOSSIERS, "the kill came too late")

        # Once more, while the run that finishes the plan goes on.
        platform.start()
        pids = platform.pids()
        journey = self.journey(platform)
        wait_until(lambda: self.ended(platform) >= self.DOSSIERS // 2, WAIT_SECONDS, "a half has ended")
        self.kill(platform, pids)
        self.assertIsNone(journey.process.poll(), journey.output)
        second = self.left(platform)
        self.assertLess(self.ended(platform), self.DOSSIERS, "the kill came too late")
        self.check_kept(first, second)
        platform.start()
        self.check_end(platform, journey, self.DOSSIERS)
        self.assertIn("journey: finishing the plan begun at", journey.output)
        self.check_kept(second, self.left(platform))


class PostgresTest(KillCase):
    DOSSIERS = 120

    def kill_server(self, server):
        """kill -9; started again, it has what was committed."""
        pid = server.server.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            processes = children.read().split()
        server.server.kill()
        server.server.wait()
        wait_until(lambda: not any(self.alive(process) for process in processes), WAIT_SECONDS, "its processes end")
        # What it says of itself is no longer so.
        (server.folder / "data" / "postmaster.pid").unlink()

    def test_kill_everything(self):
        server = PostgresServer()
        self.addCleanup(server.stop)
        url = f"postgresql://postgres@/?host={server.folder}"
        platform = self.start(PostgresPlatform, server=url)
        pids = platform.pids()
        journey = self.journey(platform, "--dossiers", self.DOSSIERS)
        wait_until(lambda: self.ended(platform) >= self.DOSSIERS // 10, WAIT_SECONDS, "a tenth has ended")
        self.kill_server(server)
        self.kill(platform, pids)
        journey.process.kill()
        journey.process.wait()
        self.assertLess(self.ended(platform), self.DOSSIERS, "the kill came too late")
        server.start()
        before = self.left(platform)
        # Without the server named, it would begin with nothing.
        refused = platform.lgsp("up", platform.folder)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"--postgres '{url}' (POSTGRES_NOT_NAMED)", refused.stderr)
        platform.start()
        journey = self.journey(platform)
        self.check_end(platform, journey, self.DOSSIERS)
        self.check_kept(before, self.left(platform))
        self.assertEqual(list(platform.folder.rglob("*.db")), [], "nothing is in a file")

        # It was this database that was counted.
        database = recount.database_of(platform.folder)
        server.query(database, "UPDATE dossiers SET state = 1 WHERE name = (SELECT MAX(name) FROM dossiers)")
        with self.assertRaisesRegex(AssertionError, "state in the database: 'SUBMITTED' instead of"):
            self.check_output(journey.output, platform.folder, self.DOSSIERS)


class KafkaTest(JourneyCase):
    def test_events_by_kafka(self):
        broker = Broker("4.3.1")
        self.addCleanup(broker.stop)
        platform = self.start(kafka=broker.address)
        # `lgsp journey` compares with what insights has counted of the events.
        self.check_end(platform, self.journey(platform, "--dossiers", 60), 60)
        database = recount.database_of(platform.folder)
        (events,), = recount.rows(database, "SELECT COUNT(*) FROM feed")
        self.assertGreater(events, 180)
        wait_until(lambda: recount.rows(database, "SELECT topic, n FROM feed_production") ==
                   [("lgsp.dossiers.v1", events)], WAIT_SECONDS, "all are produced")


class EnginesTest(JourneyCase):
    """quickstart with engines of its own."""

    DOSSIERS = 100

    def test_quickstart_killed_and_again(self):
        platform = self.start(UnstartedPlatform)
        options = ("--dossiers", str(self.DOSSIERS), "--postgres", "--kafka")
        process, log = self.quickstart(platform, *options)
        wait_until(lambda: self.ended(platform) > 0 or process.poll() is not None, JOURNEY_SECONDS, "it is under way")
        self.assertIsNone(process.poll(), log.read_text(encoding="utf-8"))
        process.kill()
        process.wait()
        self.assertLess(self.ended(platform), self.DOSSIERS, "the kill came too late")

        process, log = self.quickstart(platform, *options)
        wait_until(lambda: LAST_LINE.search(log.read_text(encoding="utf-8")) or process.poll() is not None,
                   JOURNEY_SECONDS, "the journey ends")
        self.assertIsNone(process.poll(), log.read_text(encoding="utf-8"))
        output = log.read_text(encoding="utf-8")
        self.assertIn("journey: finishing the plan begun at", output)
        self.check_output(output, platform.folder, self.DOSSIERS)
        password = (platform.folder / "postgres" / "passfile").read_text(encoding="utf-8").rpartition(":")[2].strip()
        self.assertGreater(len(password), 20)
        for path in [log, *platform.folder.rglob("*.log"), *platform.folder.rglob("*.textproto")]:
            self.assertNotIn(password, path.read_text(encoding="utf-8", errors="replace"), path)
        (produced,), = recount.rows(recount.database_of(platform.folder), "SELECT n FROM feed_production")
        self.assertGreater(int(produced), self.DOSSIERS)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(WAIT_SECONDS), 0)
        self.assertEqual(platform.lgsp("status", platform.folder).returncode, 4)
        for port in range(platform.base, platform.base + platform_process.PORTS):
            self.assertTrue(is_free(port), f"{port}: everything has ended")


if __name__ == "__main__":
    platform_process.main()
