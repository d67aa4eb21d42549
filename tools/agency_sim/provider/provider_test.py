"""Tests of the provider: a real process, called by grpcio and http.client.

Run: /usr/bin/python3 tools/agency_sim/provider/provider_test.py (SEED=N repeats a run)
"""

import hashlib
import http.client
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
WAIT_SECONDS = 30
POLL_SECONDS = 0.02
READY = "agency_sim/provider: ready on "
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
print(f"provider_test: SEED={SEED}", file=sys.stderr)


class Provider:
    """One process of the simulator."""

    def __init__(self, *more):
        self.data = tempfile.TemporaryDirectory(prefix="provider_test.")
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["/usr/bin/python3", HERE, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--data", self.data.name,
             "--seed", str(SEED), "--delay-seconds", "0.1", *more],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        watchdog = threading.Timer(WAIT_SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line.startswith(READY), line
        self.grpc, self.rest = (word.partition("://")[2] for word in line[len(READY):].split())

    def journal(self):
        lines = (pathlib.Path(self.data.name) / "journal.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def http(self, method, target, body=None):
        connection = http.client.HTTPConnection(self.rest, timeout=WAIT_SECONDS)
        try:
            # What comes through a gateway may not order faults.
            headers = {} if target == "/_faults" else {"lgsp-exchange-id": "rest-1"}
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def fault(self, method, kind, times=1):
        order = json.dumps({"method": method, "kind": kind, "times": times})
        status, answer = self.http("POST", "/_faults", order)
        assert status == 200, answer

    def stop(self):
        self.process.terminate()
        ended = self.process.wait(WAIT_SECONDS)
        self.process.stdout.close()
        self.data.cleanup()
        return ended


class ProviderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        sys.path.insert(0, str(HERE))
        import stubs  # pylint: disable=import-outside-toplevel
        cls.folder = tempfile.TemporaryDirectory(prefix="provider_test.stubs.")
        cls.messages = stubs.Messages(cls.folder.name)
        cls.pb = cls.messages.land

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()
        assert cls.provider.stop() == 0

    def setUp(self):
        self.channel = grpc.insecure_channel(
            self.provider.grpc, (("grpc.use_local_subchannel_pool", 1), ("grpc.max_metadata_size", 128 * 1024)))

    def tearDown(self):
        self.channel.close()

    def method(self, kind, name, answer):
        return getattr(self.channel, kind)(f"/agency.land.v1.Parcels/{name}", lambda message: message.SerializeToString(),
                                           getattr(self.pb, answer).FromString)

    def get(self, number, timeout=WAIT_SECONDS):
        return self.method("unary_unary", "GetParcel", "Parcel")(
            self.pb.GetParcelRequest(number=number), timeout=timeout, metadata=(("lgsp-exchange-id", "grpc-1"),))

    def pages(self):
        found, token = [], ""
        listed = self.method("unary_unary", "ListParcels", "ListParcelsResponse")
        while True:
            page = listed(self.pb.ListParcelsRequest(page_size=200, page_token=token), timeout=WAIT_SECONDS)
            found += page.parcels
            token = page.next_page_token
            if not token:
                return found, page.total_size

    def outcome(self, exchange_id):
        """Of the call of that id that came last: written when its last byte has left, so it is awaited."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            lines = [line for line in self.provider.journal() if line.get("exchange_id") == exchange_id]
            last = [line["call"] for line in lines if line["record"] == "request"][-1]
            found = [line for line in lines if line["record"] == "outcome" and line["call"] == last]
            if found:
                return found[0]
            threading.Event().wait(POLL_SECONDS)
        return self.fail(f"no outcome of {last} in {WAIT_SECONDS} s")

    def test_pages_hold_every_parcel_once_and_both_protocols_say_the_same(self):
        found, total = self.pages()
        numbers = [parcel.number for parcel in found]
        self.assertEqual(len(set(numbers)), total)
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual(self.get(numbers[7]), found[7])
        status, body = self.provider.http("GET", f"/parcels/{numbers[7]}")
        told = json.loads(body)
        self.assertEqual((status, told["number"], told["holder"]["id"]), (200, numbers[7], found[7].holder.id))
        self.assertEqual(self.outcome("rest-1")["answer_sha256"], hashlib.sha256(body).hexdigest())

    def test_what_is_not_there_is_told_with_details(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.get("99001-999-9999")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        details = dict(caught.exception.trailing_metadata())["grpc-status-details-bin"]
        self.assertEqual(self.messages.reason(details), "PARCEL_UNKNOWN")
        self.assertEqual(self.provider.http("GET", "/parcels/99001-999-9999")[0], 404)
        self.assertEqual(self.provider.http("GET", "/parcels/nonsense")[0], 400)

    def test_streams(self):
        blocks = [random.Random(f"{SEED}/{index}").randbytes(100_000) for index in range(30)]
        echoed = self.method("stream_stream", "Echo", "EchoChunk")(
            (self.pb.EchoChunk(data=block) for block in blocks), timeout=WAIT_SECONDS)
        self.assertEqual([chunk.data for chunk in echoed], blocks)
        receipt = self.method("stream_unary", "UploadSurvey", "SurveyReceipt")(
            (self.pb.SurveyPart(sequence=index + 1, data=block) for index, block in enumerate(blocks)),
            timeout=WAIT_SECONDS)
        self.assertEqual((receipt.parts, receipt.bytes), (30, 3_000_000))
        self.assertEqual(receipt.sha256, hashlib.sha256(b"".join(blocks)).digest())
        exchanged = self.method("stream_stream", "Exchange", "ExchangeMessage")(
            (self.pb.ExchangeMessage() for _ in range(1000)), timeout=WAIT_SECONDS)
        self.assertEqual([message.count for message in exchanged], list(range(1, 1001)))
        watched = self.method("unary_stream", "WatchParcels", "ParcelEvent")(
            self.pb.WatchParcelsRequest(commune="99001", count=500), timeout=WAIT_SECONDS)
        self.assertEqual([event.sequence for event in watched], list(range(1, 501)))
        status, body = self.provider.http("POST", "/surveys", b"".join(blocks))
        self.assertEqual((status, json.loads(body)["sha256"]), (200, receipt.sha256.hex()))

    def test_faults(self):
        number = self.pages()[0][0].number
        for kind, code in (("unavailable", "UNAVAILABLE"), ("details", "FAILED_PRECONDITION"), ("wrong_status", "DATA_LOSS"),
                           ("cancel", "CANCELLED"), ("cut", "UNAVAILABLE"), ("hang", "DEADLINE_EXCEEDED")):
            with self.subTest(kind):
                self.provider.fault("GetParcel", kind)
                with self.assertRaises(grpc.RpcError) as caught:
                    # Once is the fault, and grpcio repeats a call that it knows was not begun.
                    self.get(number, timeout=0.5 if kind == "hang" else WAIT_SECONDS)
                self.assertEqual(caught.exception.code().name, code)
                self.get(number)
        self.provider.fault("GetParcel", "slow")
        self.assertEqual(self.get(number).number, number)
        self.assertEqual(self.outcome("grpc-1")["fault"], "slow")
        self.provider.fault("GetParcel", "huge_trailers")
        trailers = self.method("unary_unary", "GetParcel", "Parcel").with_call(
            self.pb.GetParcelRequest(number=number), timeout=WAIT_SECONDS)[1].trailing_metadata()
        self.assertGreater(sum(len(value) for _, value in trailers), 60_000)
        self.provider.fault("rest_parcel", "unavailable")
        self.assertEqual(self.provider.http("GET", f"/parcels/{number}")[0], 503)
        self.assertEqual(self.provider.http("POST", "/_faults", json.dumps({"method": "x", "percent": 1}))[0], 400)


if __name__ == "__main__":
    unittest.main()
