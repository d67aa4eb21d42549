#!/usr/bin/python3
"""A service dies under load: its calls end with UNAVAILABLE, those of other services go on, and it comes back."""

import signal
import threading

import grpc

import h2_client
import platform_process
from foreign_client import (CALL_SECONDS, Refusal, channel, dossiers_grpc, insights_grpc, insights_pb, metric, pb,
                            submission)
from platform_process import wait_until

GET = "/lgsp.dossiers.v1.Dossiers/GetDossier"
CALLERS = 4
HELD_CALLS = 20
# Answers before the death and after it, to know that load was there.
ENOUGH_CALLS = 50
WAIT_SECONDS = 60
REASONS = ("UPSTREAM_LOST", "UPSTREAM_NOT_TAKEN", "UPSTREAM_UNREACHABLE")


class Load:
    """Threads that call again and again, and keep how each call ended."""

    def __init__(self, calls):
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.answered = 0
        self.refusals = []
        self.threads = [threading.Thread(target=self.run, args=(call,)) for call in calls]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, call):
        while not self.stop.wait(0.005):
            try:
                call()
            except grpc.RpcError as error:
                with self.lock:
                    self.refusals.append(Refusal(error))
            else:
                with self.lock:
                    self.answered += 1

    def more(self):
        wanted = self.answered + ENOUGH_CALLS
        wait_until(lambda: self.answered >= wanted, WAIT_SECONDS, f"{ENOUGH_CALLS} more answers")


class UpstreamDeathTest(platform_process.PlatformTest):
    def connect(self, system):
        opened = channel(self.platform, system)
        self.addCleanup(opened.close)
        return opened

    def submit(self):
        stub = dossiers_grpc.DossiersStub(self.connect("demo-commune"))
        return lambda: stub.SubmitDossier(submission(), timeout=CALL_SECONDS)

    def count(self):
        stub = insights_grpc.InsightsStub(self.connect("demo-steering"))
        return lambda: stub.ListDossierCounts(insights_pb.ListDossierCountsRequest(), timeout=CALL_SECONDS)

    def hold(self, connection):
        """Calls that have reached the service, which waits for their requests."""
        before = metric(self.platform, "gateway_inflight")
        streams = [connection.call(GET) for _ in range(HELD_CALLS)]
        wait_until(lambda: metric(self.platform, "gateway_inflight") >= before + HELD_CALLS, WAIT_SECONDS,
                   "the calls are under way")
        return streams

    def test_kill(self):
        gateway = self.platform.pids()["gateway"]
        with Load([self.submit() for _ in range(CALLERS)]) as submissions, Load([self.count()]) as counts, \
                h2_client.Connection(self.platform, "demo-onestop") as connection:
            submissions.more()
            counts.more()
            dead = self.platform.pids()["dossiers"]
            streams = self.hold(connection)
            self.assertFalse(submissions.refusals)
            self.platform.signal("dossiers", signal.SIGKILL)
            for stream in streams:
                refused = connection.refusal(stream)
                self.assertEqual(refused.code, grpc.StatusCode.UNAVAILABLE, str(refused))
                self.assertIn(refused.reason, REASONS)
            # Nobody else notices.
            counts.more()
            self.platform.wait_ready()
            submissions.more()
            # The connection of the lost calls serves on.
            stream = connection.call("/lgsp.dossiers.v1.Dossiers/ListDossiers")
            connection.message(stream, pb.ListDossiersRequest(page_size=1))
            self.assertEqual(connection.wait_end(stream)["grpc-status"], "0")
        self.assertFalse([str(refused) for refused in counts.refusals])
        self.assertLessEqual({refused.code for refused in submissions.refusals}, {grpc.StatusCode.UNAVAILABLE})
        for refused in submissions.refusals:
            self.assertIn(refused.reason, REASONS)
        pids = self.platform.pids()
        self.assertEqual(pids["gateway"], gateway, "the gateway was restarted")
        self.assertNotEqual(pids["dossiers"], dead)
        print(f"{submissions.answered} submissions answered, {len(submissions.refusals)} refused; "
              f"{counts.answered} counts", flush=True)


if __name__ == "__main__":
    platform_process.main()
