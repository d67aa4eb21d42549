#!/usr/bin/python3
"""The disk of the evidence log fills up under load: nothing is sent on without a record, nothing is lost, it ends by itself."""

import os
import pathlib
import unittest

import grpc

from evidence_test import Submissions, check_log
from foreign_client import CALL_SECONDS, channel, dossiers_grpc, submission
from platform_process import Platform, wait_until

MEGABYTE = 1 << 20
# More than the gateway keeps free (kEvidenceReserve, 64 MB), and little of it.
DISK_MEGABYTES = 96
BELOW_RESERVE = 32 * MEGABYTE
WAIT_SECONDS = 60
ANSWERS = 50
# A namespace of its own needs no rights; what is mounted in it is seen by the platform alone.
WITHIN = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
          f"mount -t tmpfs -o size={DISK_MEGABYTES}m none {{folder}}/data/evidence && exec \"$@\"", "sh")


class DiskFullTest(unittest.TestCase):
    def setUp(self):
        self.platform = Platform(within=WITHIN)
        self.addCleanup(self.platform.stop)
        # The data folder as the gateway sees it.
        self.folder = pathlib.Path(f"/proc/{self.platform.pids()['gateway']}/root{self.platform.folder}")
        self.log = self.folder / "data" / "evidence"
        self.filler = self.log / "filler"

    def free(self):
        found = os.statvfs(self.log)
        return found.f_bavail * found.f_frsize

    def fill(self, leave):
        """Until no more than `leave` bytes are free."""
        with open(self.filler, "ab", buffering=0) as file:
            while (left := self.free() - leave) > 0:
                try:
                    file.write(b"x" * min(left, MEGABYTE))
                except OSError:
                    return

    def refused(self):
        """True when a call is refused for want of evidence; it may not fail otherwise."""
        with channel(self.platform, "demo-commune") as opened:
            call = dossiers_grpc.DossiersStub(opened).SubmitDossier.future(submission(), timeout=CALL_SECONDS)
            # One that is under way when the disk is full is not told of as long as its record is not kept.
            if call.code() in (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED):
                return False
            details = dict(call.trailing_metadata()).get("grpc-status-details-bin", b"")
            self.assertIn(b"EVIDENCE_UNAVAILABLE", details, call.details())
            return True

    def await_answers(self, submissions):
        before = len(submissions.receipts)
        wait_until(lambda: len(submissions.receipts) > before + ANSWERS, WAIT_SECONDS, "calls are answered")

    def test_full(self):
        gateway = self.platform.pids()["gateway"]
        with Submissions(self.platform) as submissions:
            self.await_answers(submissions)
            # Below the reserve, and to the last byte in the middle of calls, whose answers wait.
            for leave in (BELOW_RESERVE, 0):
                self.fill(leave)
                wait_until(self.refused, WAIT_SECONDS, "calls are refused")
                self.filler.unlink()
                self.await_answers(submissions)
        self.assertEqual(self.platform.pids()["gateway"], gateway, "it went on by itself")
        records, outcomes = check_log(self, self.folder, submissions.receipts)
        print(f"{len(submissions.receipts)} receipts, {len(records)} records, {dict(outcomes)}", flush=True)


if __name__ == "__main__":
    unittest.main()
