#!/usr/bin/python3
"""Events from dossiers to insights by a real Apache Kafka, while everything on the way is killed.

What insights counted is counted again here, from the feed of dossiers.
"""

import collections
import contextlib
import datetime
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import unittest

import platform_process
from platform_process import BUILD, LGSP, ROOT, Platform, chance, is_free, wait_until

TOPIC = "lgsp.dossiers.v1"
STATES = {"Submitted": ("SUBMITTED", "submitTime"), "Accepted": ("ACCEPTED", "acceptTime"),
          "Completed": ("COMPLETED", "completeTime"), "Returned": ("RETURNED", "returnTime"),
          "Rejected": ("REJECTED", "rejectTime"), "Withdrawn": ("WITHDRAWN", "withdrawTime"),
          "Stopped": ("STOPPED", "stopTime"), "Expired": ("EXPIRED", "expireTime")}
VIETNAM = datetime.timezone(datetime.timedelta(hours=7))
DOSSIERS = 30
JOURNEY_SECONDS = 120
COUNTED_SECONDS = 60
BROKER_SECONDS = 30


class Broker:
    """tools/kafka/broker, in a folder and on ports of its own."""

    def __init__(self, version):
        self.version = version
        # pylint: disable-next=consider-using-with
        self.scratch = tempfile.TemporaryDirectory(prefix="kafka.", dir=BUILD / "tests")
        self.log = pathlib.Path(self.scratch.name) / "broker.log"
        self.port = self.free_port()
        self.controller_port = self.free_port()
        self.process = None
        self.start()

    @staticmethod
    def free_port():
        while True:
            port = chance.randrange(platform_process.FIRST_PORT, platform_process.LAST_PORT)
            if is_free(port):
                return port

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        command = [ROOT / "tools" / "kafka" / "broker", "--version", self.version, "--port", self.port,
                   "--controller-port", self.controller_port, "--data", pathlib.Path(self.scratch.name) / "data"]
        with open(self.log, "wb") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

        def started():
            text = self.log.read_text(encoding="utf-8", errors="replace")
            if self.process.poll() is not None:
                raise AssertionError(f"the broker ended with {self.process.returncode}\n{text[-3000:]}")
            return "Kafka Server started" in text
        wait_until(started, BROKER_SECONDS, "the broker is ready")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        self.scratch.cleanup()


def rows(path, statement):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        return database.execute(statement).fetchall()


class KafkaTest(unittest.TestCase):
    def setUp(self):
        self.broker = Broker("4.3.1")
        self.addCleanup(self.broker.stop)
        self.platform = Platform(kafka=self.broker.address)
        self.addCleanup(self.platform.stop)
        self.dossiers = self.platform.folder / "data" / "dossiers.db"
        self.insights = self.platform.folder / "data" / "insights.db"

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before and hasattr(self, "platform"):
            print(self.last_logs)
        return result

    def events(self):
        return rows(self.dossiers, "SELECT COUNT(*) FROM feed")[0][0]

    def recount(self):
        """(agency, state, day) -> how many, from the feed."""
        counts = collections.Counter()
        for kind, payload in rows(self.dossiers, "SELECT type, payload FROM feed"):
            known = STATES.get(kind.removeprefix("lgsp.dossiers.v1.Dossier"))
            if known:
                data = json.loads(payload)
                time = datetime.datetime.fromisoformat(data[known[1]].split(".")[0].rstrip("Z") + "+00:00")
                counts[data["settlingAgency"], known[0], time.astimezone(VIETNAM).date().isoformat()] += 1
        return counts

    def counted(self):
        return {tuple(row[:3]): row[3]
                for row in rows(self.insights, "SELECT agency, state, day, count FROM dossier_counts")}

    def test_counts_match_whatever_dies(self):
        path = self.platform.scratch / "journey.log"
        with open(path, "wb") as log:
            # pylint: disable-next=consider-using-with
            journey = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", LGSP, "journey", self.platform.folder, "--dossiers",
                 str(DOSSIERS), "--timeout", str(JOURNEY_SECONDS)], stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL)
        self.addCleanup(journey.wait)
        self.addCleanup(journey.kill)
        self.last_logs = ""
        for victim in ("insights", "dossiers", "broker"):
            before = self.events()
            wait_until(lambda at=before: self.events() > at or journey.poll() is not None, 30, "events are told")
            if victim == "broker":
                self.broker.kill()
                self.broker.start()
            else:
                self.platform.signal(victim, signal.SIGKILL)
        code = journey.wait(JOURNEY_SECONDS)
        self.last_logs = path.read_text(encoding="utf-8") + self.platform.logs()
        self.assertEqual(code, 0)
        self.platform.wait_ready()
        expected = self.recount()
        self.assertEqual(sum(n for (_, state, _), n in expected.items() if state == "SUBMITTED"), DOSSIERS)

        def position():
            parked = self.platform.lgsp("parked", "list", self.platform.folder, "--output", "json", check=True)
            consumer, = json.loads(parked.stdout)["consumers"]
            self.assertEqual(consumer["parked_keys"], 0)
            return int(consumer["position"]["n"])
        events = self.events()
        try:
            wait_until(lambda: position() == events, COUNTED_SECONDS, f"insights has counted {events} events")
        finally:
            self.last_logs = f"{position()} of {events}\n" + self.platform.logs()
        self.assertEqual(self.counted(), dict(expected))
        # It was Kafka that brought them.
        self.assertEqual(rows(self.dossiers, "SELECT topic, n FROM feed_production"), [(TOPIC, events)])
        offsets = rows(self.insights, f"SELECT SUM(next_offset) FROM consumer_offsets WHERE topic = '{TOPIC}'")
        self.assertGreaterEqual(offsets[0][0], events)

        # The next run goes on by the feed where Kafka ended, and the other way round.
        for kafka in (None, self.broker.address):
            self.assertEqual(self.platform.end(), 0)
            self.platform.start(kafka=kafka)
            again = self.platform.lgsp("journey", self.platform.folder, "--dossiers", DOSSIERS + 2, "--timeout",
                                       JOURNEY_SECONDS)
            self.last_logs = again.stdout + again.stderr + self.platform.logs()
            events = self.events()
            wait_until(lambda: position() == events, COUNTED_SECONDS, f"insights has counted {events} events")
            self.assertEqual(self.counted(), dict(self.recount()))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    platform_process.main()
