#!/usr/bin/python3
"""The gateway's evidence: receipts, and what is left of the log when the gateway is killed under load.

EVIDENCE_KILLS: how often (8).
"""

import collections
import contextlib
import json
import os
import shutil
import pathlib
import signal
import sqlite3
import subprocess
import threading

import grpc

import platform_process
from foreign_client import CALL_SECONDS, channel, dossiers_grpc, pb, submission
from platform_process import chance, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("EVIDENCE_KILLS", "8"))
CALLERS = 6
LONGEST_LIFE_SECONDS = 0.6
WAIT_SECONDS = 60
# By test_receipt.
REFUSED_BY_SERVICE = 1
# More deaths in a minute, and `lgsp up` gives a service up.
KILLS_OF_ONE_UP = 4


class Submissions:
    """Threads that submit again and again, and keep the receipts of those that were answered."""

    def __init__(self, platform):
        self.platform = platform
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.receipts = {}
        self.threads = [threading.Thread(target=self.run) for _ in range(CALLERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self):
        # A new connection after each failure: a channel waits long before it tries again.
        while not self.stop.is_set():
            with channel(self.platform, "demo-commune") as opened:
                try:
                    self.submit_until_stopped(dossiers_grpc.DossiersStub(opened))
                except grpc.RpcError:
                    self.stop.wait(0.05)

    def submit_until_stopped(self, stub):
        while not self.stop.is_set():
            _, call = stub.SubmitDossier.with_call(submission(), timeout=CALL_SECONDS)
            exchange_id = dict(call.initial_metadata())["lgsp-exchange-id"]
            with self.lock:
                self.receipts[exchange_id] = dict(call.trailing_metadata())["lgsp-receipt"]


def checkpoint_of(log):
    """Its lines: origin, size, root."""
    return (log / "checkpoint").read_text(encoding="utf-8").splitlines()


def dossiers_in(folder):
    with contextlib.closing(sqlite3.connect(folder / "data" / "dossiers.db")) as database:
        return database.execute("SELECT COUNT(*) FROM dossiers").fetchone()[0]


def check_log(test, folder, receipts):
    """The records of the signed log, how many outcomes of each kind: all receipts are of it, each intent has its outcome, no
    dossier is without its call, and it verifies."""
    last = max(receipts.items(), key=lambda item: int(item[1].split("#")[1]))[0]
    wait_until(lambda: len(lgsp("show", folder, last).stdout.splitlines()) == 2, WAIT_SECONDS, "the last call is in the signed log")
    exported = lgsp("export", folder)
    test.assertEqual(exported.returncode, 0, exported.stderr)
    records = [json.loads(line) for line in exported.stdout.splitlines()]
    outcomes, open_intents, missing = collections.Counter(), set(), dict(receipts)
    for record in records:
        if "intent" in record:
            open_intents.add(record["intent"]["exchange_id"])
            continue
        outcome = record["outcome"]
        open_intents.remove(outcome["exchange_id"])
        outcomes[outcome["end"]] += 1
        if outcome["exchange_id"] in missing:
            index = int(missing.pop(outcome["exchange_id"]).split("#")[1])
            test.assertEqual((record["index"], outcome["end"]), (index, "ANSWERED"))
    test.assertFalse(missing, "acknowledged calls that the log does not have")
    test.assertFalse(open_intents)
    submitted = sum("intent" in record and record["intent"]["path"].endswith("/SubmitDossier") for record in records)
    test.assertLessEqual(dossiers_in(folder), submitted)
    verified = lgsp("verify", folder)
    test.assertEqual(verified.returncode, 0, verified.stdout)
    return records, outcomes


def lgsp(*arguments):
    return subprocess.run([platform_process.LGSP, "evidence", *map(str, arguments)], capture_output=True, text=True, check=False,
                          timeout=WAIT_SECONDS)


def tile_name(number):
    """As tlog-tiles writes it: x001/x234/067."""
    digits = f"{number:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


class EvidenceTest(platform_process.PlatformTest):
    def lgsp(self, *arguments):
        return self.platform.lgsp("evidence", *arguments)

    def oracle(self, log, key):
        """What Go's own packages say of a log: they share nothing with ours."""
        program = self.platform.scratch / "oracle"
        if not program.exists():
            # Debian's packages are sources beneath GOPATH; nothing is fetched.
            subprocess.run(["/usr/bin/go", "build", "-o", program, "."], cwd=ROOT / "tests" / "oracle" / "log", check=True,
                           env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "CGO_ENABLED": "0",
                                "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOCACHE": str(ROOT / ".cache" / "go")})
        return subprocess.run([program, log, key], capture_output=True, text=True, check=False)

    def covered(self, exchange_id):
        """Both records, once a checkpoint covers them."""
        def found():
            lines = self.lgsp("show", self.platform.folder, exchange_id).stdout.splitlines()
            return [json.loads(line) for line in lines] if len(lines) == 2 else None
        return wait_until(found, WAIT_SECONDS, "the call is in the signed log")

    def test_receipt(self):
        with channel(self.platform, "demo-commune") as opened:
            _, call = dossiers_grpc.DossiersStub(opened).SubmitDossier.with_call(submission(), timeout=CALL_SECONDS)
            refused = dossiers_grpc.DossiersStub(opened).GetDossier.future(
                pb.GetDossierRequest(name="x"), timeout=CALL_SECONDS)
            self.assertIsNotNone(refused.exception())
        exchange_id = dict(call.initial_metadata())["lgsp-exchange-id"]
        origin, index = dict(call.trailing_metadata())["lgsp-receipt"].split("#")
        intent, outcome = self.covered(exchange_id)
        self.assertEqual(origin, "lgsp.camau.gov.vn/gateway/0")
        self.assertEqual(outcome["index"], int(index))
        self.assertEqual(outcome["outcome"]["end"], "ANSWERED")
        self.assertEqual(intent["intent"]["caller"]["system"], "systems/demo-commune")
        self.assertEqual(intent["intent"]["path"], "/lgsp.dossiers.v1.Dossiers/SubmitDossier")
        # What the service refused is an answer too; who is unknown is refused by us.
        self.assertIn("lgsp-receipt", dict(refused.trailing_metadata()))
        with channel(self.platform, "demo-unregistered") as opened:
            stranger = dossiers_grpc.DossiersStub(opened).SubmitDossier.future(submission(), timeout=CALL_SECONDS)
            self.assertEqual(stranger.code(), grpc.StatusCode.UNAUTHENTICATED)
        exchange_id = dict(stranger.initial_metadata()).get("lgsp-exchange-id") or dict(
            stranger.trailing_metadata())["lgsp-exchange-id"]
        self.assertEqual(self.covered(exchange_id)[1]["outcome"]["reason"], "SYSTEM_UNKNOWN")

    def test_tampering(self):
        with channel(self.platform, "demo-commune") as opened:
            _, call = dossiers_grpc.DossiersStub(opened).SubmitDossier.with_call(submission(), timeout=CALL_SECONDS)
        self.covered(dict(call.initial_metadata())["lgsp-exchange-id"])
        checkpoint = self.lgsp("checkpoint", self.platform.folder)
        key = checkpoint.stderr.split("key: ")[1].strip()
        anchor = self.platform.scratch / "anchor"
        anchor.write_text(checkpoint.stdout, encoding="utf-8")
        copy = self.platform.scratch / "copy"
        shutil.copytree(self.platform.folder / "data" / "evidence", copy)
        verified = self.lgsp("verify", copy, "--key", key, "--anchors", anchor)
        self.assertEqual(verified.returncode, 0, verified.stdout)
        self.assertIn("consistent with 1 anchor", verified.stdout)
        told = self.oracle(copy, key)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn(f"root {checkpoint_of(copy)[2]}", told.stdout)
        # The present form of the bundle, not one that an earlier checkpoint has left.
        whole, rest = divmod(int(checkpoint_of(copy)[1]), 256)
        bundle = copy / "tile" / "entries" / (f"{tile_name(whole)}.p/{rest}" if rest else tile_name(whole - 1))
        content = bytearray(bundle.read_bytes())
        content[chance.randrange(2, len(content))] ^= 1
        bundle.write_bytes(content)
        self.assertEqual(self.oracle(copy, key).returncode, 1)
        verified = self.lgsp("verify", copy, "--key", key)
        self.assertEqual(verified.returncode, 1, verified.stdout)
        self.assertRegex(verified.stdout, "ENTRY|ENTRIES")

    def test_kills(self):
        with Submissions(self.platform) as submissions:
            for number in range(KILLS):
                if number > 0 and number % KILLS_OF_ONE_UP == 0:
                    self.platform.end()
                    self.platform.start()
                before = len(submissions.receipts)
                wait_until(lambda before=before: len(submissions.receipts) > before + CALLERS, WAIT_SECONDS,
                           "calls are answered")
                submissions.stop.wait(chance.uniform(0, LONGEST_LIFE_SECONDS))
                self.platform.signal("gateway", signal.SIGKILL)
                self.platform.wait_ready()
        records, outcomes = check_log(self, self.platform.folder, submissions.receipts)
        # Every dossier that is there came by a call that is in the log.
        stored = dossiers_in(self.platform.folder)
        self.assertGreaterEqual(stored, outcomes["ANSWERED"] - REFUSED_BY_SERVICE)
        print(f"{KILLS} kills, {len(records)} records, {dict(outcomes)}", flush=True)


if __name__ == "__main__":
    platform_process.main()
