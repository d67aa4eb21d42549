#!/usr/bin/python3
"""REST through the gateway with foreign clients (curl, http.client) and a foreign provider (tools/agency_sim/provider)."""

import base64
import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import unittest
import urllib.request

import platform_process
from platform_process import chance, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROVIDER = ROOT / "tools" / "agency_sim" / "provider"
SERVICE = "/r1/VN/GOV/CAMAU/LAND/parcels"
CLIENT = "VN/GOV/CAMAU/ONESTOP"
LARGE = 30_000_000
WAIT_SECONDS = 30
AT_ONCE = 24

CATALOG = """
services {{
  name: "r1/VN/GOV/CAMAU/LAND/parcels" provider: "participants/H12.50.02" source: "invented"
  backend {{ addresses: "{address}" http1: true }}
}}
agreements {{
  name: "agreements/test-land" consumer: "systems/demo-commune" service: "r1/VN/GOV/CAMAU/LAND/parcels"
  methods: "GET /parcels" methods: "* /parcels/*" methods: "GET /photos/*" methods: "POST /surveys"
  legal_basis: "test" demo: true source: "invented"
}}
"""


class Provider:
    def __init__(self, folder):
        self.folder = folder
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, PROVIDER, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0",
             "--data", folder, "--seed", str(platform_process.SEED)], stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        self.address = re.search(r"http://(\S+)", ready).group(1)

    def order(self, **fault):
        request = urllib.request.Request(f"http://{self.address}/_faults", json.dumps(fault).encode(), method="POST")
        urllib.request.urlopen(request, timeout=WAIT_SECONDS).close()

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=WAIT_SECONDS) as answer:
            return answer.read()

    def journal(self):
        return [json.loads(line) for line in (self.folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WAIT_SECONDS)
        self.process.stdout.close()


def fields_of(head):
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.splitlines()[1:])}


class RestTest(platform_process.PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = Provider(cls.platform.scratch / "provider")
        cls.addClassCleanup(cls.provider.stop)
        catalog = cls.platform.scratch / "catalog"
        shutil.copytree(ROOT / "deploy" / "catalog", catalog, ignore=shutil.ignore_patterns("*.csv"))
        demo = (catalog / "demo.textproto").read_text(encoding="utf-8")
        named = 'name: "systems/demo-commune"\n'
        assert named in demo
        (catalog / "demo.textproto").write_text(demo.replace(named, named + f'  xroad_client: "{CLIENT}"\n', 1),
                                                encoding="utf-8")
        (catalog / "land.textproto").write_text(CATALOG.format(address=cls.provider.address), encoding="utf-8")
        cls.platform.lgsp("registry", "compile", cls.platform.folder, "--catalog", catalog, check=True)
        parcels = json.loads(cls.provider.get("/parcels?page_size=5"))["parcels"]
        cls.numbers = [parcel["number"] for parcel in parcels]
        cls.number = cls.numbers[0]
        wait_until(lambda: cls.curl("--http2", f"/parcels/{cls.number}")[0] == 200, WAIT_SECONDS, "the policy is in force")

    @classmethod
    def credentials(cls, system="demo-commune"):
        folder = cls.platform.folder
        return folder / "ca" / "authority.crt", folder / "systems" / f"{system}.crt", folder / "systems" / f"{system}.key"

    @classmethod
    def curl(cls, version, path, *options, client=CLIENT, data=None):
        """Status, fields, body; None when curl took the answer for broken."""
        authority, certificate, key = cls.credentials()
        head = cls.platform.scratch / f"head{chance.randrange(10**9)}"
        done = subprocess.run(
            ["curl", "-s", version, "--cacert", authority, "--cert", certificate, "--key", key, "-D", head,
             "-H", f"X-Road-Client: {client}", *options, f"https://{cls.platform.gateway}{SERVICE}{path}"],
            input=data, capture_output=True, check=False, timeout=120)
        if done.returncode != 0:
            return None
        # After `100 Continue`, if there was one.
        last = head.read_text(encoding="latin-1").strip().split("\r\n\r\n")[-1].split("\n\n")[-1]
        return int(last.split()[1]), fields_of(last), done.stdout

    def connection(self):
        authority, certificate, key = self.credentials()
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        opened = http.client.HTTPSConnection(self.platform.gateway, context=context, timeout=WAIT_SECONDS)
        self.addCleanup(opened.close)
        return opened

    def raw(self):
        authority, certificate, key = self.credentials()
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        host, port = self.platform.gateway.split(":")
        opened = context.wrap_socket(socket.create_connection((host, int(port)), timeout=WAIT_SECONDS), server_hostname=host)
        self.addCleanup(opened.close)
        return opened

    def evidence(self, exchange_id):
        def found():
            lines = self.platform.lgsp("evidence", "show", self.platform.folder, exchange_id).stdout.splitlines()
            return [json.loads(line) for line in lines] if len(lines) == 2 else None
        return wait_until(found, WAIT_SECONDS, "the call is in the signed log")

    def test_same_answer_by_both_protocols(self):
        expected = self.provider.get(f"/parcels/{self.number}")
        for version in ("--http1.1", "--http2"):
            with self.subTest(version):
                status, fields, body = self.curl(version, f"/parcels/{self.number}", "-H", "X-Road-Id: mine-1")
                self.assertEqual((status, body), (200, expected))
                self.assertEqual(fields["x-road-id"], "mine-1")
                self.assertEqual(fields["x-road-client"], CLIENT)
                self.assertEqual(fields["x-road-service"], "VN/GOV/CAMAU/LAND/parcels")
                self.assertEqual(len(fields["x-road-request-hash"]), 88)
                self.assertNotIn("x-road-error", fields)
                status, theirs, _ = self.curl(version, "/parcels/none")
                self.assertEqual((status, "x-road-error" in theirs), (400, False), "the provider's own error")
                intent, outcome = self.evidence(fields["lgsp-exchange-id"])
                # The number of a parcel leads to its holder: it is not in the log.
                self.assertEqual(intent["intent"]["path"], f"GET {SERVICE}/parcels/*")
                self.assertNotIn(self.number, json.dumps([intent, outcome]))
                self.assertEqual(outcome["outcome"]["http_status"], 200)
                self.assertEqual(outcome["outcome"]["end"], "ANSWERED")
                request = next(line for line in self.provider.journal()
                               if line.get("exchange_id") == fields["lgsp-exchange-id"])
                self.assertIn("systems/demo-commune", json.dumps(request))

    def test_large_bodies(self):
        survey = chance.randbytes(LARGE)
        digest = hashlib.sha256(survey).hexdigest()
        for version in ("--http1.1", "--http2"):
            for options in ([], ["-H", "Transfer-Encoding: chunked"] if version == "--http1.1" else []):
                status, fields, body = self.curl(version, "/surveys", "--data-binary", "@-", *options, data=survey)
                self.assertEqual(status, 200, (version, options, fields))
                self.assertIn(digest, body.decode())
                self.assertIn("x-road-request-hash", fields)
            for query in (f"?bytes={LARGE}", f"?bytes={LARGE}&chunked=1"):
                status, fields, body = self.curl(version, f"/photos/{self.number}{query}")
                self.assertEqual((status, len(body)), (200, LARGE))
                _, outcome = self.evidence(fields["lgsp-exchange-id"])
                self.assertEqual(int(outcome["outcome"]["response_bytes"]), LARGE)
                self.assertEqual(hashlib.sha256(body).digest(), base64.b64decode(outcome["outcome"]["response_sha256"]))

    def test_one_connection_many_calls(self):
        opened = self.connection()
        for number in self.numbers * 4:
            opened.request("GET", f"{SERVICE}/parcels/{number}", headers={"X-Road-Client": CLIENT})
            answer = opened.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.read(), self.provider.get(f"/parcels/{number}"))
        opened.request("HEAD", f"{SERVICE}/parcels/{self.number}", headers={"X-Road-Client": CLIENT})
        answer = opened.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b""))
        opened.request("GET", f"{SERVICE}/owners/1", headers={"X-Road-Client": CLIENT})
        answer = opened.getresponse()
        self.assertEqual(answer.status, 403)
        self.assertIn("NO_AGREEMENT", json.loads(answer.read())["message"])
        opened.request("GET", f"{SERVICE}/parcels/{self.number}", headers={"X-Road-Client": CLIENT})
        self.assertEqual(opened.getresponse().status, 200)

    def test_many_at_once(self):
        def call(i):
            version = "--http1.1" if i % 2 else "--http2"
            number = self.numbers[i % len(self.numbers)]
            return self.curl(version, f"/parcels/{number}")[::2], number
        expected = {number: self.provider.get(f"/parcels/{number}") for number in self.numbers}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for answer, number in pool.map(call, range(5 * AT_ONCE)):
                self.assertEqual(answer, (200, expected[number]))

    def test_requests_in_a_row(self):
        opened = self.raw()
        request = f"GET {SERVICE}/parcels/{self.number} HTTP/1.1\r\nhost: x\r\nx-road-client: {CLIENT}\r\n"
        opened.sendall((request + "\r\n" + request + "\r\n" + request + "connection: close\r\n\r\n").encode())
        received = b""
        while piece := opened.recv(65536):
            received += piece
        self.assertEqual(received.count(b"HTTP/1.1 200 OK\r\n"), 3)
        self.assertEqual(received.count(self.provider.get(f"/parcels/{self.number}")), 3)

    def test_nonsense(self):
        for text, status in (("nonsense\r\n\r\n", b"400"), (f"GET {SERVICE} HTTP/1.0\r\n\r\n", b"505"),
                             ("GET / HTTP/1.1\r\nhost: x\r\nx: " + "y" * 40_000 + "\r\n\r\n", b"431"),
                             ("POST /lgsp.dossiers.v1.Dossiers/GetDossier HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n"
                              "content-type: application/grpc\r\nconnection: close\r\n\r\n", b"415")):
            opened = self.raw()
            opened.sendall(text.encode())
            self.assertTrue(opened.recv(65536).startswith(b"HTTP/1.1 " + status), text[:60])
        half = self.raw()
        half.sendall(f"POST {SERVICE}/surveys HTTP/1.1\r\nhost: x\r\nx-road-client: {CLIENT}\r\ncontent-length: 9\r\n\r\nhal".encode())
        half.close()
        self.assertEqual(self.curl("--http1.1", f"/parcels/{self.number}")[0], 200)

    def test_a_provider_that_breaks_off(self):
        for version in ("--http1.1", "--http2"):
            self.provider.order(method="rest_photo", kind="cut", times=1)
            self.assertIsNone(self.curl(version, f"/photos/{self.number}?bytes=5000000"), "a part was taken for the whole")
            self.assertEqual(self.curl(version, f"/parcels/{self.number}")[0], 200)

    def test_zz_a_gateway_that_dies_is_waited_for(self):
        """`lgsp up` holds its sockets: who connects while there is none is not refused."""
        self.platform.signal("gateway", signal.SIGKILL)
        for version in ("--http1.1", "--http2"):
            answer = self.curl(version, f"/parcels/{self.number}")
            self.assertIsNotNone(answer, "the connection was refused")
            self.assertEqual(answer[0], 200)

    def test_who_calls_as_another(self):
        for client, status in (("VN/GOV/OTHER/X", 403), ("nobody", 400)):
            answered, fields, body = self.curl("--http1.1", f"/parcels/{self.number}", client=client)
            self.assertEqual(answered, status)
            self.assertEqual(fields["x-road-error"], json.loads(body)["type"])
            self.assertEqual(json.loads(body)["detail"], fields["lgsp-exchange-id"])


if __name__ == "__main__":
    unittest.main()
