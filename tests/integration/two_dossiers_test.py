#!/usr/bin/python3
"""Two processes of dossiers on one PostgreSQL under load, killed at random moments: nothing twice, nothing lost.

STORM_DOSSIERS: how many (1,000). SEED: of the choices; the moments of the kills are the machine's.
"""

import os
import pathlib
import random
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "contract"))

# pylint: disable=wrong-import-position
import platform_process
import storm_checks
from dossiers_process import DossiersProcess, Installation
from platform_process import SEED, wait_until
from postgres_server import PostgresServer
from storm_load import AGENCIES, CLIENTS, Follower, Storm

TOTAL = int(os.environ.get("STORM_DOSSIERS", "1000"))
# More kills in a longer storm; between them both processes serve.
KILLS = max(12, TOTAL // 400)
STORM_SECONDS = (60 + TOTAL // 10) * (4 if platform_process.SANITIZED else 1)
SETTLE_SECONDS = 60


class TwoDossiersTest(unittest.TestCase):
    def setUp(self):
        self.postgres = PostgresServer()
        self.addCleanup(self.postgres.stop)
        self.url = self.postgres.create_database()
        self.installation = Installation()
        self.addCleanup(self.installation.remove)
        self.processes = [DossiersProcess(self.installation, number, self.url) for number in (1, 2)]
        for process in self.processes:
            self.addCleanup(process.stop)
        # Both at once on an empty database.
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.wait_ready()
        self.killed = 0

    def query(self, sql):
        return self.postgres.query(self.url, sql)

    def follow(self):
        followers = []
        for process in self.processes:
            followers.append(Follower(self.installation, process))
            self.addCleanup(followers[-1].stop)
        return followers

    def wait(self, condition, seconds, what):
        """As wait_until; `what` is asked when it did not come, with the ends of the logs."""
        try:
            wait_until(condition, seconds, "")
        except AssertionError as error:
            logs = "\n".join(process.log_end() for process in self.processes)
            raise AssertionError(f"{error}{what()}\n{logs}") from None

    def kill_on_the_way(self, storm):
        """Kills and restarts a process at each of KILLS random points of the load."""
        chance = random.Random(f"{SEED} kills")
        points = sorted(chance.sample(range(TOTAL // 50, 2 * TOTAL * 9 // 10), KILLS))
        deadline = time.monotonic() + STORM_SECONDS
        for point in points:
            self.wait(lambda point=point: storm.done >= point or not storm.running(),
                      max(0, deadline - time.monotonic()), lambda point=point: f"{point} commands: {storm}")
            if not storm.running():
                break
            victim = chance.choice(self.processes)
            self.assertTrue(victim.kill(), f"{victim.name} ended by itself:\n{victim.log_end()}")
            self.killed += 1
            victim.start()
        self.wait(lambda: not storm.running(), max(0, deadline - time.monotonic()),
                  lambda: f"the end: {storm}")

    def settled(self, followers):
        """Waits until every event has its position and is told."""
        wait_until(lambda: self.query("SELECT COUNT(id) FROM outbox") == [["0"]], SETTLE_SECONDS,
                   "the outbox is empty")
        last = int(self.query("SELECT COALESCE(MAX(position), 0) FROM feed")[0][0])
        for follower in followers:
            wait_until(lambda follower=follower: len(follower.seen) >= last, SETTLE_SECONDS,
                       f"the follower of {follower.name} has {last} events")
        for process in self.processes:
            process.wait_ready()
        wait_until(lambda: self.query("SELECT COUNT(pid) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> "
                                      "pg_backend_pid() AND xact_start < clock_timestamp() - INTERVAL '5 seconds'")
                   == [["0"]], SETTLE_SECONDS, "no transaction of a dead process is open")

    def test_storm(self):
        followers = self.follow()
        storm = Storm(self.installation, self.processes, TOTAL, SEED)
        begun = time.monotonic()
        storm.start()
        try:
            self.kill_on_the_way(storm)
        finally:
            storm.join()
        seconds = time.monotonic() - begun
        self.assertGreaterEqual(self.killed, min(10, KILLS), "the load was over before the kills")
        self.settled(followers)
        self.check(storm, followers, seconds)
        self.assertEqual(storm.failures, [], f"{len(storm.failures)} of {len(storm.cases)} cases")
        self.assertEqual(len(storm.cases), TOTAL)
        for process in self.processes:
            self.assertEqual(process.end(), 0, process.log_end())

    def check(self, storm, followers, seconds):
        database = storm_checks.Database(self.query)
        submitted, accepted, abandoned = storm_checks.check_commands(self, storm.cases, database)
        lost, lines = storm_checks.check_codes(self, storm.cases, database)
        storm_checks.check_lists(self, database)
        storm_checks.check_feed(self, database, followers)
        for follower in followers:
            self.assertEqual(storm_checks.read_feed(follower.stub, len(database.feed)), database.feed,
                             f"the feed of {follower.name} from its beginning")
        storm_checks.check_reads(self, self.installation, self.processes, database, "systems/storm-0", AGENCIES)
        counts = storm.counts
        print(f"storm: seed {SEED}: {TOTAL} dossiers, {CLIENTS} clients, {self.killed} kills, {seconds:.1f} s, "
              f"{storm.done / seconds:.0f} answers/s\n"
              f"storm: {submitted} submissions and {accepted} acceptances took effect, each once; "
              f"{counts['attempts']} calls, {counts['unsent']} not sent, {counts['unclear']} unclear, "
              f"{counts['conflicts']} to be repeated; given up: {dict(sorted(abandoned.items()))}\n"
              f"storm: {counts['doubles']} double clicks and {counts['later']} late repetitions answered alike, "
              f"{counts['rivals']} rivalries with one winner\n"
              f"storm: codes, none twice, {lost} lost: {'; '.join(lines)}\n"
              f"storm: {len(database.feed)} events without gaps, alike from both processes; followers resumed "
              f"{' and '.join(str(follower.resumed) for follower in followers)} times", flush=True)


if __name__ == "__main__":
    platform_process.exit_on_signals()
    unittest.main()
