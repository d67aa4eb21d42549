#!/usr/bin/python3
"""Agencies call each other through the gateway, both simulated (tools/agency_sim): journals against evidence.

AGENCY_CALLS: how many (2000). AGENCY_BYTES, AGENCY_MESSAGES: of the large bodies and the streams of the mix.
"""

import base64
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest
import urllib.request

import platform_process
from platform_process import SEED, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIMULATORS = ROOT / "tools" / "agency_sim"
REST_PREFIX = "/r1/VN/GOV/CAMAU/LAND/parcels"
CLIENT = "VN/GOV/CAMAU/ONESTOP"
CALLS = int(os.environ.get("AGENCY_CALLS", "2000"))
BYTES = int(os.environ.get("AGENCY_BYTES", "2000000"))
MESSAGES = int(os.environ.get("AGENCY_MESSAGES", "500"))
WAIT_SECONDS = 60
RUN_SECONDS = 240

CATALOG = """
services {{
  name: "agency.land.v1.Parcels" provider: "participants/H12.50.02" source: "invented"
  descriptors_file: "land.binpb" backend {{ addresses: "{grpc}" }}
}}
services {{
  name: "r1/VN/GOV/CAMAU/LAND/parcels" provider: "participants/H12.50.02" source: "invented"
  backend {{ addresses: "{rest}" http1: true }}
}}
agreements {{
  name: "agreements/test-land" consumer: "systems/demo-commune" service: "agency.land.v1.Parcels"
  methods: "*" legal_basis: "test" demo: true source: "invented"
}}
agreements {{
  name: "agreements/test-land-rest" consumer: "systems/demo-commune" service: "r1/VN/GOV/CAMAU/LAND/parcels"
  methods: "*" legal_basis: "test" demo: true source: "invented"
}}
"""


def journal(folder):
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]


class AgencySimTest(platform_process.PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        scratch, folder = cls.platform.scratch, cls.platform.folder
        cls.provided = scratch / "provider"
        # pylint: disable-next=consider-using-with
        cls.provider = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, SIMULATORS / "provider", "--grpc", "127.0.0.1:0", "--rest",
             "127.0.0.1:0", "--data", cls.provided, "--seed", str(SEED)], stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end_provider)
        grpc, rest = re.search(r"grpc://(\S+) http://(\S+)", cls.provider.stdout.readline()).groups()
        subprocess.run(["protoc", "-I", SIMULATORS / "protos", "--include_imports", "--descriptor_set_out",
                        folder / "land.binpb", "agency/land/v1/land.proto"], check=True)
        catalog = scratch / "catalog"
        shutil.copytree(ROOT / "deploy" / "catalog", catalog, ignore=shutil.ignore_patterns("*.csv"))
        demo = (catalog / "demo.textproto").read_text(encoding="utf-8")
        named = 'name: "systems/demo-commune"\n'
        (catalog / "demo.textproto").write_text(demo.replace(named, named + f'  xroad_client: "{CLIENT}"\n', 1),
                                                encoding="utf-8")
        (catalog / "land.textproto").write_text(CATALOG.format(grpc=grpc, rest=rest), encoding="utf-8")
        cls.platform.lgsp("registry", "compile", folder, "--catalog", catalog, check=True)
        cls.runs = 0
        wait_until(lambda: cls.consume("--plan", cls.plan([{"call": "get"}, {"call": "rest_get"}]))[0]["ok"] == 2,
                   WAIT_SECONDS, "the policy is in force")

    @classmethod
    def end_provider(cls):
        cls.provider.send_signal(signal.SIGTERM)
        cls.provider.wait(WAIT_SECONDS)
        cls.provider.stdout.close()

    @classmethod
    def plan(cls, steps):
        file = cls.platform.scratch / "plan"
        file.write_text(json.dumps(steps), encoding="utf-8")
        return file

    @classmethod
    def consume(cls, *options):
        """How often calls ended how, and the journal."""
        cls.runs += 1
        folder, data = cls.platform.folder, cls.platform.scratch / f"consumer{cls.runs}"
        done = subprocess.run(
            [sys.executable, SIMULATORS / "consumer", "--gateway", cls.platform.gateway, "--rest", cls.platform.gateway,
             "--rest-prefix", REST_PREFIX, "--data", data, "--seed", str(SEED), "--header", f"x-road-client={CLIENT}",
             "--certificate", folder / "systems" / "demo-commune.crt", "--key", folder / "systems" / "demo-commune.key",
             "--authority", folder / "ca" / "authority.crt", *map(str, options)],
            capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
        if not (data / "journal.jsonl").exists():
            raise AssertionError(done.stderr)
        lines = journal(data)
        return collections.Counter(line["result"] for line in lines), lines

    def log(self):
        """exchange ID -> its intents, and its outcomes, of all that is signed."""
        done = self.platform.lgsp("evidence", "export", self.platform.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        intents, outcomes = collections.defaultdict(list), collections.defaultdict(list)
        for line in map(json.loads, done.stdout.splitlines()):
            for kind, found in (("intent", intents), ("outcome", outcomes)):
                if kind in line:
                    found[line[kind]["exchange_id"]].append(line[kind])
        return intents, outcomes

    def check_evidence(self, consumed):
        seen = journal(self.provided)
        arrived = collections.Counter(line["exchange_id"] for line in seen if line["record"] == "request")
        wanted = {line["exchange_id"] for line in consumed if line["exchange_id"]} | set(arrived)

        def complete():
            intents, outcomes = self.log()
            return (intents, outcomes) if wanted <= set(outcomes) else None
        intents, outcomes = wait_until(complete, WAIT_SECONDS, "every call is in the signed log")
        # Nothing twice: no record, and no call to the provider.
        self.assertEqual({len(found) for found in (*intents.values(), *outcomes.values())}, {1})
        self.assertEqual(set(arrived.values()), {1})
        self.assertLessEqual(set(arrived), set(intents))
        ended = {line["exchange_id"]: line for line in seen if line["record"] == "outcome"}
        compared = 0
        for line in consumed:
            if line["result"] != "ok" or line["expected"] not in ("OK", "200", "NOT_FOUND", "404"):
                continue
            outcome = outcomes[line["exchange_id"]][0]
            self.assertEqual(outcome["end"], "ANSWERED", line)
            for ours, theirs in (("request", "request"), ("response", "answer")):
                digest = base64.b64decode(outcome[f"{ours}_sha256"]).hex()
                # As the caller sent and received it, and as the provider did.
                self.assertEqual(digest, line[f"{theirs}_sha256"], (line, outcome))
                self.assertEqual(digest, ended[line["exchange_id"]][f"{theirs}_sha256"], (line, outcome))
                self.assertEqual(int(outcome.get(f"{ours}_bytes", 0)), line[f"{theirs}_bytes"])
            compared += 1
        verified = self.platform.lgsp("evidence", "verify", self.platform.folder)
        self.assertEqual(verified.returncode, 0, verified.stdout)
        return compared

    def test_calls(self):
        ends, consumed = self.consume("--calls", CALLS, "--messages", MESSAGES, "--bytes", BYTES)
        wrong = [line for line in consumed if line["result"] != "ok"]
        self.assertEqual(ends["ok"], CALLS, wrong[:3])
        compared = self.check_evidence(consumed)
        print(f"{CALLS} calls, {compared} compared byte for byte with both journals", flush=True)
        self.assertGreater(compared, CALLS // 2)

    def test_faults_of_the_provider(self):
        """What the provider breaks is a failure to the consumer, and recorded; never a wrong answer."""
        order = [{"percent": 15, "kinds": ["unavailable", "cut", "cancel", "details", "huge_trailers"]}, {"percent": 0}]
        self.order(order[0])
        try:
            ends, consumed = self.consume("--calls", CALLS // 5, "--messages", 50, "--bytes", 200_000)
        finally:
            self.order(order[1])
        self.assertEqual(ends["wrong"], 0, [line for line in consumed if line["result"] == "wrong"][:3])
        self.assertGreater(ends["ok"], 0)
        self.assertGreater(ends["failed"] + ends["refused"], 0)
        self.check_evidence(consumed)

    def order(self, fault):
        rest = re.search(r'addresses: "(\S+)" http1', (self.platform.scratch / "catalog" / "land.textproto")
                         .read_text(encoding="utf-8")).group(1)
        request = urllib.request.Request(f"http://{rest}/_faults", json.dumps(fault).encode(), method="POST")
        urllib.request.urlopen(request, timeout=WAIT_SECONDS).close()


if __name__ == "__main__":
    unittest.main()
