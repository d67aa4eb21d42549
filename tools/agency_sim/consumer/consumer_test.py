#!/usr/bin/python3
"""The consumer against the provider, without a gateway between them."""

import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROVIDER = HERE.parent / "provider"
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
print(f"SEED={SEED}", file=sys.stderr)
STOP_SECONDS = 30
RUN_SECONDS = 90


class ConsumerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.runs = 0

    def provide(self, *options):
        # pylint: disable-next=consider-using-with
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, PROVIDER, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0",
             "--data", self.folder / "provider", "--seed", str(SEED), *options], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        grpc, rest = re.search(r"grpc://(\S+) http://(\S+)", process.stdout.readline()).groups()
        return ["--gateway", grpc, "--rest", rest, "--seed", str(SEED)]

    @staticmethod
    def stop(process):
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        process.stdout.close()

    def consume(self, *options):
        """Exit code, the line at the end, the journal."""
        self.runs += 1
        data = self.folder / f"consumer{self.runs}"
        done = subprocess.run([sys.executable, HERE, "--data", data, *map(str, options)], capture_output=True, text=True,
                              check=False, timeout=RUN_SECONDS)
        lines = (data / "journal.jsonl").read_text(encoding="utf-8").splitlines()
        return done.returncode, done.stdout.strip() + done.stderr, [json.loads(line) for line in lines]

    def test_a_mix_is_answered_as_expected(self):
        where = self.provide()
        code, said, journal = self.consume(*where, "--calls", 300, "--messages", 200, "--bytes", 300_000)
        self.assertEqual(code, 0, said)
        self.assertIn("consumer: 300 calls, 300 ok, 0 refused, 0 failed, 0 wrong", said)
        self.assertEqual(sorted(line["call"] for line in journal), list(range(1, 301)))
        self.assertEqual(len({line["kind"] for line in journal}), 12)
        # What one sent the other received, of calls that ended well.
        seen = [line for line in map(json.loads, (self.folder / "provider" / "journal.jsonl").read_text().splitlines())
                if line["record"] == "outcome"]
        received = collections.Counter((line["request_bytes"], line["request_sha256"]) for line in seen)
        for line in journal:
            if line["expected"] in ("OK", "200"):
                self.assertGreater(received[(line["request_bytes"], line["request_sha256"])], 0, line)

    def test_faults_are_failures_and_no_wrong_answers(self):
        where = self.provide("--faults", "20", "--delay-seconds", "0")
        code, said, journal = self.consume(*where, "--calls", 300, "--messages", 50, "--bytes", 100_000,
                                           "--deadline-seconds", 10)
        ends = collections.Counter(line["result"] for line in journal)
        self.assertEqual(sum(ends.values()), 300)
        self.assertGreater(ends["failed"], 0, said)
        wrong = [line["wrong"] for line in journal if line["result"] == "wrong"]
        self.assertEqual((code, wrong), (0, []), said)

    def test_another_seed_is_noticed(self):
        where = self.provide()
        where[where.index("--seed") + 1] = str(SEED + 1)
        code, said, journal = self.consume(*where, "--calls", 40, "--messages", 5, "--bytes", 1000)
        self.assertEqual(code, 1, said)
        self.assertIn("wrong", {line["result"] for line in journal})

    def test_a_plan_and_what_is_none(self):
        where = self.provide()
        plan = self.folder / "plan"
        plan.write_text(json.dumps([{"call": "get", "times": 3}, {"call": "rest_get_unknown"},
                                    {"call": "exchange", "messages": 10, "cancel_after": 4}]), encoding="utf-8")
        code, said, journal = self.consume(*where, "--plan", plan)
        self.assertEqual(code, 0, said)
        self.assertEqual(sorted(line["code"] for line in journal), ["404", "CANCELLED", "OK", "OK", "OK"])
        plan.write_text('[{"call": "steal"}]', encoding="utf-8")
        self.assertEqual(self.consume(*where, "--plan", plan)[0], 1)


if __name__ == "__main__":
    unittest.main()
