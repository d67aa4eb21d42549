#!/usr/bin/python3
"""The evidence service beside a real gateway: receipts that are verified here anew, auditors, kills, an index that is made
again, and a log that somebody changes.
"""

import base64
import contextlib
import hashlib
import json
import pathlib
import re
import signal
import sqlite3
import subprocess
import tempfile
import threading
import unittest

import grpc

import platform_process
from foreign_client import (CALL_SECONDS, Refusal, channel, dossiers_grpc, evidence_grpc, evidence_pb, metric, pb,
                            record_pb, refusal)
from platform_process import chance, wait_until

ORIGIN = "lgsp.camau.gov.vn/gateway/0"
AUDIT_ORIGIN = "lgsp.camau.gov.vn/evidence/0/audit"
AUDITOR = (("lgsp-purpose", "inspection"), ("lgsp-officer", "tt-7; H12.12; auditor"))
WAIT_SECONDS = 60
KILLS = 4
CALLERS = 4
# It polls each second.
LONGEST_LIFE_SECONDS = 2.2
TILE = 256


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)


class LogKey:
    """The key of a log, from the platform's folder: not from what is verified."""

    def __init__(self, file, origin):
        self.file = file
        self.origin = origin
        # The last 32 bytes of the SubjectPublicKeyInfo.
        self.typed = b"\1" + openssl("pkey", "-pubin", "-in", file, "-outform", "DER").stdout[-32:]
        self.id = hashlib.sha256(origin.encode() + b"\n" + self.typed).digest()[:4]

    def __str__(self):
        return f"{self.origin}+{self.id.hex()}+{base64.b64encode(self.typed).decode()}"

    def open(self, note):
        """(size, root) of a note that this key has signed; fails otherwise."""
        text, _, signatures = note.rpartition("\n\n")
        origin, size, root = text.split("\n")
        line = next(line for line in signatures.split("\n") if line.startswith(f"\u2014 {self.origin} "))
        signature = base64.b64decode(line.split(" ")[2], validate=True)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "text").write_bytes(text.encode() + b"\n")
            (folder / "signature").write_bytes(signature[4:])
            verified = openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", self.file, "-in", folder / "text",
                               "-sigfile", folder / "signature")
        if (origin, signature[:4]) != (self.origin, self.id) or verified.returncode != 0:
            raise AssertionError(f"not signed by {self}: {note}")
        return int(size), base64.b64decode(root, validate=True)


def root_of(leaf, index, size, proof):
    """The root that an inclusion proof leads to, as RFC 6962, 2.1.1 cuts the tree; None for one that does not fit."""
    if size == 1:
        return leaf if not proof else None
    half = 1
    while half * 2 < size:
        half *= 2
    if not proof:
        return None
    *lower, sibling = proof
    if index < half:
        inner = root_of(leaf, index, half, lower)
        return inner and hashlib.sha256(b"\1" + inner + sibling).digest()
    inner = root_of(leaf, index - half, size - half, lower)
    return inner and hashlib.sha256(b"\1" + sibling + inner).digest()


def proves(receipt, proved, key):
    size, root = key.open(receipt.checkpoint)
    leaf = hashlib.sha256(b"\0" + proved.entry).digest()
    return proved.index < size and root_of(leaf, proved.index, size, list(proved.inclusion_proof)) == root


def framed(message):
    """As it crosses the wire in gRPC."""
    content = message.SerializeToString()
    return b"\0" + len(content).to_bytes(4, "big") + content


class Calls:
    """Threads that call again and again, and keep the ids of what was answered."""

    def __init__(self, platform):
        self.platform = platform
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.answered = []
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
        with channel(self.platform, "demo-onestop") as opened:
            stub = dossiers_grpc.DossiersStub(opened)
            while not self.stop.is_set():
                _, call = stub.ListDossiers.with_call(pb.ListDossiersRequest(), timeout=CALL_SECONDS)
                with self.lock:
                    self.answered.append(dict(call.initial_metadata())["lgsp-exchange-id"])


class EvidenceServiceTest(platform_process.PlatformTest):
    @property
    def data(self):
        return self.platform.folder / "data"

    @property
    def key(self):
        return LogKey(self.platform.folder / "keys" / "evidence.pub", ORIGIN)

    @property
    def mirror(self):
        mirror, = (self.data / "evidence_mirror" / "logs").iterdir()
        return mirror

    def call(self, count=1):
        """(exchange id, receipt in the trailers, request, answer) of each of some calls of demo-onestop."""
        told = []
        with channel(self.platform, "demo-onestop") as opened:
            for _ in range(count):
                request = pb.ListDossiersRequest(page_size=chance.randrange(1, 100))
                answer, call = dossiers_grpc.DossiersStub(opened).ListDossiers.with_call(request, timeout=CALL_SECONDS)
                told.append((dict(call.initial_metadata())["lgsp-exchange-id"],
                             dict(call.trailing_metadata())["lgsp-receipt"], request, answer))
        return told

    def ask(self, exchange_id, system="demo-onestop", metadata=()):
        with channel(self.platform, system) as opened:
            return evidence_grpc.EvidenceStub(opened).GetReceipt(
                evidence_pb.GetReceiptRequest(exchange_id=exchange_id), metadata=metadata, timeout=CALL_SECONDS)

    def receipt(self, exchange_id, system="demo-onestop", metadata=()):
        """With both records, once the service knows them."""
        def found():
            try:
                receipt = self.ask(exchange_id, system, metadata)
            except grpc.RpcError as error:
                self.assertIn(Refusal(error).reason, ("EXCHANGE_UNKNOWN", "UPSTREAM_UNAVAILABLE", "UPSTREAM_LOST"))
                return None
            return receipt if receipt.HasField("outcome") else None
        return wait_until(found, WAIT_SECONDS, "the receipt is there")

    def verify(self, folder, key, *options):
        done = self.platform.lgsp("--output", "json", "evidence", "verify", folder, "--key", key, *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def findings(self, **labels):
        return metric(self.platform, "evidence_findings_total", "evidence", **labels)

    def indexed(self):
        """Everything in the index."""
        with contextlib.closing(sqlite3.connect(self.data / "evidence.db")) as database:
            return {table: sorted(database.execute(f"SELECT * FROM {table}"))
                    for table in ("log_positions", "exchanges", "exchange_keys")}

    def is_indexed(self):
        """Whether all that the gateway has signed is mirrored and in the index."""
        size = int((self.data / "evidence" / "checkpoint").read_text(encoding="utf-8").split("\n")[1])
        return metric(self.platform, "evidence_index_position", "evidence") == size

    def test_receipt(self):
        (exchange_id, told, request, answer), = self.call()
        receipt = self.receipt(exchange_id)
        self.assertEqual(told, f"{ORIGIN}#{receipt.outcome.index}")
        self.assertEqual((receipt.origin, receipt.key), (ORIGIN, str(self.key)))
        for proved in (receipt.intent, receipt.outcome):
            self.assertTrue(proves(receipt, proved, self.key))
            self.assertEqual(record_pb.Record.FromString(proved.entry), proved.record)
        intent, outcome = receipt.intent.record.intent, receipt.outcome.record.outcome
        self.assertEqual({intent.exchange_id, outcome.exchange_id}, {exchange_id})
        self.assertEqual(intent.path, "/lgsp.dossiers.v1.Dossiers/ListDossiers")
        self.assertEqual(intent.caller.system, "systems/demo-onestop")
        self.assertEqual(outcome.end, record_pb.Outcome.ANSWERED)
        self.assertEqual(outcome.request_sha256, hashlib.sha256(framed(request)).digest())
        self.assertEqual(outcome.response_sha256, hashlib.sha256(framed(answer)).digest())
        # Nothing of it can be another.
        changed = evidence_pb.Receipt.FromString(receipt.SerializeToString())
        changed.outcome.entry = changed.outcome.entry[:-1] + b"x"
        self.assertFalse(proves(changed, changed.outcome, self.key))
        changed.outcome.CopyFrom(receipt.outcome)
        changed.outcome.index -= 1
        self.assertFalse(proves(changed, changed.outcome, self.key))
        changed.checkpoint = receipt.checkpoint.replace(f"{ORIGIN}\n", f"{ORIGIN}\n1", 1)
        with self.assertRaises(AssertionError):
            self.key.open(changed.checkpoint)
        # It is of others.
        question = evidence_pb.GetReceiptRequest(exchange_id=exchange_id)
        for system, reason in (("demo-neighbour", "EXCHANGE_UNKNOWN"), ("demo-commune", "NO_AGREEMENT")):
            with channel(self.platform, system) as opened:
                self.assertEqual(refusal(evidence_grpc.EvidenceStub(opened).GetReceipt, question).reason, reason)

    def test_auditor(self):
        told = self.call(5)
        self.receipt(told[-1][0])
        with channel(self.platform, "demo-inspectorate") as opened:
            stub = evidence_grpc.EvidenceStub(opened)
            question = evidence_pb.ListExchangesRequest(system="systems/demo-onestop",
                                                        service="lgsp.dossiers.v1.Dossiers", page_size=2)
            self.assertEqual(refusal(stub.ListExchanges, question, metadata=AUDITOR[:1]).reason, "AUDITOR_REQUIRED")
            found, pages = [], 0
            while True:
                page = stub.ListExchanges(question, metadata=AUDITOR, timeout=CALL_SECONDS)
                found += [exchange.exchange_id for exchange in page.exchanges]
                pages += 1
                question.page_token = page.next_page_token
                if not question.page_token:
                    break
            self.assertEqual(found[-5:], [exchange_id for exchange_id, *_ in told])
            anchors = stub.ListAnchors(evidence_pb.ListAnchorsRequest(origin=ORIGIN), metadata=AUDITOR,
                                       timeout=CALL_SECONDS).anchors
        for anchor in anchors:
            self.key.open(anchor)
        self.assertGreaterEqual(len(anchors), 1)
        self.assertTrue(proves(*(lambda got: (got, got.outcome))(
            self.receipt(told[0][0], "demo-inspectorate", AUDITOR)), self.key))
        # Each of these questions is kept, in a log that is signed.
        audit = self.data / "evidence_mirror" / "audit"
        key = LogKey(self.platform.folder / "keys" / "audit.pub", AUDIT_ORIGIN)
        wait_until(lambda: key.open((audit / "checkpoint").read_text(encoding="utf-8"))[0] >= pages + 1, WAIT_SECONDS,
                   "the auditor's questions are signed")
        self.assertGreaterEqual(self.verify(audit, key)["entries_checked"], pages + 1)

    def test_kills(self):
        with Calls(self.platform) as calls:
            for _ in range(KILLS):
                before = len(calls.answered)
                wait_until(lambda before=before: len(calls.answered) > before + CALLERS, WAIT_SECONDS, "calls go on")
                calls.stop.wait(chance.uniform(0, LONGEST_LIFE_SECONDS))
                self.platform.signal("evidence", signal.SIGKILL)
                self.platform.wait_ready()
        for exchange_id in [*chance.sample(calls.answered, 20), calls.answered[-1]]:
            receipt = self.receipt(exchange_id)
            self.assertTrue(proves(receipt, receipt.outcome, self.key))
        wait_until(self.is_indexed, WAIT_SECONDS, "the index has everything")
        self.assertEqual(self.findings(), 0)
        ids = {row[0] for row in self.indexed()["exchanges"]}
        self.assertLessEqual(set(calls.answered), ids)
        anchors, = (self.data / "evidence_mirror" / "anchors").iterdir()
        verified = self.verify(self.mirror, self.key, "--anchors", anchors)
        self.assertGreaterEqual(verified["anchors"], 1)
        self.assertEqual(self.verify(self.data / "evidence", self.key, "--anchors", anchors)["findings"], 0)
        print(f"{KILLS} kills, {len(calls.answered)} calls, {verified}", flush=True)

    def test_index_is_made_again(self):
        self.receipt(self.call(40)[-1][0])
        wait_until(self.is_indexed, WAIT_SECONDS, "the index has everything")
        self.platform.end()
        before = self.indexed()
        for path in self.data.glob("evidence.db*"):
            path.unlink()
        self.platform.start()
        wait_until(self.is_indexed, WAIT_SECONDS, "the index has everything again")
        after = self.indexed()
        # The gateway has recorded calls since: of `dossiers`, perhaps.
        for table in ("exchanges", "exchange_keys"):
            self.assertLessEqual(set(before[table]), set(after[table]))
        self.assertGreaterEqual(len(before["exchanges"]), 40)

    def test_somebody_changes_the_log(self):
        self.receipt(self.call(TILE)[-1][0])
        for path, kind in ((self.data / "evidence" / "tile" / "entries" / "000", "ENTRY_MISMATCH"),
                           (self.data / "evidence" / "tile" / "0" / "000", "TILE_MISMATCH")):
            whole = path.read_bytes()
            changed = bytearray(whole)
            changed[chance.randrange(2, len(changed))] ^= 1 << chance.randrange(8)
            counted = self.findings(kind=kind)
            path.write_bytes(changed)
            wait_until(lambda kind=kind, counted=counted: self.findings(kind=kind) == counted + 1, WAIT_SECONDS, kind)
            self.assertEqual(metric(self.platform, "evidence_mirror_stopped", "evidence"), 1)
            self.assertEqual((self.mirror / path.relative_to(self.data / "evidence")).read_bytes(), whole)
            self.verify(self.mirror, self.key)
            # What comes now is not taken, until the file is mended.
            size = metric(self.platform, "evidence_mirror_size", "evidence")
            (exchange_id, told, *_), = self.call()
            wait_until(lambda told=told: self.key.open((self.data / "evidence" / "checkpoint").read_text(
                encoding="utf-8"))[0] > int(re.search(r"\d+$", told)[0]), WAIT_SECONDS, "the gateway has signed it")
            self.assertEqual(metric(self.platform, "evidence_mirror_stopped", "evidence"), 1)
            self.assertLessEqual(metric(self.platform, "evidence_mirror_size", "evidence"), size + 2 * TILE)
            path.write_bytes(whole)
            receipt = self.receipt(exchange_id)
            self.assertTrue(proves(receipt, receipt.outcome, self.key))
            self.assertEqual(metric(self.platform, "evidence_mirror_stopped", "evidence"), 0)


class VerifierTest(unittest.TestCase):
    """The verification of this file against a tree made as the RFC says."""

    def tree(self, leaves):
        if len(leaves) == 1:
            return leaves[0]
        half = 1 << (len(leaves) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + self.tree(leaves[:half]) + self.tree(leaves[half:])).digest()

    def proof(self, leaves, index):
        if len(leaves) == 1:
            return []
        half = 1 << (len(leaves) - 1).bit_length() - 1
        if index < half:
            return [*self.proof(leaves[:half], index), self.tree(leaves[half:])]
        return [*self.proof(leaves[half:], index - half), self.tree(leaves[:half])]

    def test_every_place_of_every_small_tree(self):
        for size in range(1, 34):
            leaves = [hashlib.sha256(bytes([number])).digest() for number in range(size)]
            for index in range(size):
                proof = self.proof(leaves, index)
                self.assertEqual(root_of(leaves[index], index, size, proof), self.tree(leaves))
                self.assertNotEqual(root_of(leaves[index], index, size, [*proof, leaves[0]]), self.tree(leaves))


if __name__ == "__main__":
    platform_process.main()
