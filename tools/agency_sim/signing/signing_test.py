"""Tests of the signing system: a real process, a real token, the openssl command as the verifier.

Run: /usr/bin/python3 tools/agency_sim/signing/signing_test.py (SEED=N repeats a run)
"""

import base64
import hashlib
import http.client
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
AGENCIES = os.path.join(HERE, "..", "..", "..", "deploy", "catalog", "camau_agencies.csv")
WAIT_SECONDS = 30
READY = "agency_sim/signing: ready on "

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
print(f"signing_test: SEED={SEED}", file=sys.stderr)
chance = random.Random(SEED)
scratch = tempfile.TemporaryDirectory(prefix="signing_test.")


def openssl(*words):
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)


def command(state, *more):
    return ["/usr/bin/python3", HERE, "--listen", "127.0.0.1:0", "--state", state,
            "--agencies", AGENCIES, *more]


class System:
    """One process of the simulator, and a client of it."""

    def __init__(self, *more, state=None, tls=None):
        self.state = state or tempfile.mkdtemp(dir=scratch.name)
        self.tls = tls
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            command(self.state, *more), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        watchdog = threading.Timer(WAIT_SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line.startswith(READY), line
        self.scheme, _, place = line[len(READY):].strip().partition("://")
        self.port = int(place.rpartition(":")[2])

    def http(self, method, target, body=None):
        connect = http.client.HTTPConnection
        options = {}
        if self.scheme == "https":
            connect = http.client.HTTPSConnection
            options["context"] = self.tls
        connection = connect("127.0.0.1", self.port, timeout=WAIT_SECONDS, **options)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, target, raw)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def json(self, method, target, body=None):
        status, raw = self.http(method, target, body)
        return status, json.loads(raw)

    def ask(self, **changes):
        return self.json("POST", "/v1/signatures", call(**changes))

    def script(self, kind, times=1, endpoint="signatures"):
        status, _ = self.json("PUT", "/sim/faults",
                              {"endpoint": endpoint, "kind": kind, "times": times})
        assert status == 200, kind

    def journal(self, after=0):
        return self.json("GET", f"/sim/journal?after={after}")[1]["records"]

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(WAIT_SECONDS)
        self.process.stdout.close()
        return code


def call(content=b"result", **changes):
    body = {"agency": "H12.03", "officer": "H12.03.head",
            "digest": base64.b64encode(hashlib.sha256(content).digest()).decode(),
            "digest_algorithm": "SHA-256", "reference": f"r/{chance.randrange(10**12)}"}
    body.update(changes)
    return {name: value for name, value in body.items() if value is not None}


class SigningTest(unittest.TestCase):
    def start(self, *more, **options):
        system = System(*more, **options)
        self.addCleanup(system.end, signal.SIGKILL)
        return system

    def until(self, condition):
        end = time.monotonic() + WAIT_SECONDS
        while not (found := condition()):
            self.assertLess(time.monotonic(), end, "waited in vain")
        return found

    def error(self, answer, status, code):
        self.assertEqual((answer[0], answer[1]["error"]["code"]), (status, code))

    def openssl_verify(self, system, answer, content):
        folder = tempfile.mkdtemp(dir=scratch.name)
        files = {"cms": base64.b64decode(answer["cms"]), "content": content}
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        for name in ("root", "issuing"):
            result = openssl("crl", "-inform", "DER", "-in", f"{system.state}/crl/{name}.crl",
                             "-out", os.path.join(folder, f"{name}.pem"))
            self.assertEqual(result.returncode, 0, result.stderr)
        trusted = os.path.join(folder, "trusted.pem")
        with open(trusted, "w", encoding="ascii") as out:
            for path in (f"{system.state}/ca/root.pem", os.path.join(folder, "root.pem"),
                         os.path.join(folder, "issuing.pem")):
                with open(path, encoding="ascii") as file:
                    out.write(file.read())
        return openssl("cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in",
                       os.path.join(folder, "cms"), "-content", os.path.join(folder, "content"),
                       "-CAfile", trusted, "-crl_check_all", "-x509_strict", "-purpose", "any",
                       "-out", os.devnull)

    def test_openssl_verifies_what_is_signed(self):
        for keys in ("ec", "rsa"):
            with self.subTest(keys=keys):
                system = self.start("--keys", keys)
                status, answer = system.ask(content=b"one")
                self.assertEqual((status, answer["state"]), (200, "DONE"))
                result = self.openssl_verify(system, answer, b"one")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotEqual(self.openssl_verify(system, answer, b"two").returncode, 0)
                _, fetched = system.http("GET", "/crl/issuing.crl")
                with open(f"{system.state}/crl/issuing.crl", "rb") as file:
                    self.assertEqual(fetched, file.read())

    def test_openssl_sees_what_is_revoked(self):
        system = self.start()
        answer = system.ask(content=b"one")[1]
        status, _ = system.json("POST", "/sim/revocations", {
            "serial": answer["serial"], "reason": "key_compromise", "renew": True})
        self.assertEqual(status, 200)
        self.assertIn("certificate revoked", self.openssl_verify(system, answer, b"one").stderr)
        renewed = system.ask(content=b"one")[1]
        self.assertNotEqual(renewed["serial"], answer["serial"])
        self.assertEqual(self.openssl_verify(system, renewed, b"one").returncode, 0)
        rows = {row["serial"]: row for row in
                system.json("GET", "/sim/certificates")[1]["certificates"]}
        self.assertIsNotNone(rows[answer["serial"]]["revoked"])
        self.assertIsNone(rows[renewed["serial"]]["revoked"])
        self.error(system.json("POST", "/sim/revocations", {"serial": "0"}), 404,
                   "CERTIFICATE_UNKNOWN")
        for bad in ({}, {"serial": "xyz"}, {"serial": answer["serial"], "time": "soon"},
                    {"serial": answer["serial"], "time": "2026-11-23T00:00:00"},
                    {"serial": answer["serial"], "reason": "whim"}):
            self.error(system.json("POST", "/sim/revocations", bad), 400, "INVALID_REQUEST")

    def test_a_reference_has_one_signature(self):
        system = self.start()
        request = call()
        first = system.json("POST", "/v1/signatures", request)
        self.assertEqual(system.json("POST", "/v1/signatures", request), first)
        self.assertEqual(system.json("GET", f"/v1/signatures/{first[1]['signature_id']}"), first)
        self.assertEqual(
            system.json("GET", f"/v1/signatures?reference={request['reference']}"), first)
        self.error(system.json("POST", "/v1/signatures", {**request, "officer": ""}), 409,
                   "REFERENCE_REUSED")
        self.error(system.json("GET", "/v1/signatures/none"), 404, "SIGNATURE_UNKNOWN")
        self.error(system.json("GET", "/v1/signatures?reference=none"), 404, "SIGNATURE_UNKNOWN")

    def test_what_was_answered_survives_a_kill(self):
        system = self.start("--enrol")
        request = call(officer="officer-7")
        first = system.json("POST", "/v1/signatures", request)
        self.assertEqual(first[0], 200)
        root = system.http("GET", "/ca/root.pem")
        system.json("POST", "/sim/revocations", {"serial": first[1]["serial"]})
        system.end(signal.SIGKILL)
        again = self.start(state=system.state)  # and the officer stays enrolled
        self.assertEqual(again.json("POST", "/v1/signatures", request), first)
        self.assertEqual(again.http("GET", "/ca/root.pem"), root)
        later = again.ask(officer="officer-7", content=b"later")
        self.assertEqual((later[0], later[1]["serial"]), (200, first[1]["serial"]))
        self.assertIn("certificate revoked",
                      self.openssl_verify(again, later[1], b"later").stderr)
        self.assertEqual(again.end(), 0)

    def test_a_state_folder_has_one_process(self):
        system = self.start()
        result = subprocess.run(command(system.state), capture_output=True, text=True, check=False,
                                timeout=WAIT_SECONDS)
        self.assertEqual(result.returncode, 1)
        self.assertIn("is using it", result.stderr)

    def test_agencies_and_officers(self):
        system = self.start()
        self.error(system.ask(agency="H99"), 404, "AGENCY_UNKNOWN")
        self.error(system.ask(officer="nobody"), 404, "OFFICER_UNKNOWN")
        self.error(system.ask(officer="H12.01.head"), 404, "OFFICER_UNKNOWN")  # of another agency
        self.assertEqual(system.ask(officer=None)[0], 200)
        person = {"agency": "H12.03", "officer": "nobody", "name": "Lê Văn Đỏ"}
        self.assertEqual(system.json("PUT", "/sim/officers", person), (200, person))
        answer = system.ask(officer="nobody")[1]
        certificate = os.path.join(system.state, "officer.der")
        with open(certificate, "wb") as file:
            file.write(base64.b64decode(answer["certificate"]))
        subject = openssl("x509", "-inform", "DER", "-in", certificate, "-noout", "-subject",
                          "-nameopt", "utf8,sep_comma_plus").stdout
        self.assertIn("CN=Lê Văn Đỏ", subject)
        self.assertIn("O=Sở Tư pháp", subject)
        self.error(system.json("PUT", "/sim/officers", {**person, "agency": "H99"}), 404,
                   "AGENCY_UNKNOWN")
        self.error(system.json("PUT", "/sim/officers", {**person, "name": ""}), 400,
                   "INVALID_REQUEST")

    def test_malformed_requests(self):
        system = self.start()
        for bad in (b"", b"[]", b"{", b"\xff", call(digest="AAAA"), call(digest="?"),
                    call(digest=7), call(digest_algorithm="SHA-1"), call(digest_algorithm=None),
                    call(reference=""), call(reference="x" * 129), call(agency=None),
                    call(officer="a b"), call(officer=7), call(more=1)):
            with self.subTest(bad=bad):
                self.error(system.json("POST", "/v1/signatures", bad), 400, "INVALID_REQUEST")
        self.assertEqual(system.http("POST", "/v1/signatures", b"x" * 70_000)[0], 413)
        self.assertEqual(system.json("GET", "/sim/state")[1]["signatures"], 0)
        for bad in ({}, {"percent": 101}, {"endpoint": "x", "kind": "delay", "times": 1},
                    {"endpoint": "crl", "kind": "pending", "times": 1},
                    {"endpoint": "crl", "kind": "stale", "times": 0}):
            self.assertEqual(system.json("PUT", "/sim/faults", bad)[0], 400, bad)
        self.assertEqual(system.http("GET", "/ca/foreign_root.pem")[0], 404)
        self.assertEqual(system.http("GET", "/crl/other.crl")[0], 404)

    def test_faults_of_the_way(self):
        system = self.start("--delay-seconds", "0.3", "--pending-seconds", "0.3")
        system.script("http_503")
        request = call()
        self.error(system.json("POST", "/v1/signatures", request), 503, "UNAVAILABLE")
        self.error(system.json("GET", f"/v1/signatures?reference={request['reference']}"), 404,
                   "SIGNATURE_UNKNOWN")
        system.script("delay")
        begin = time.monotonic()
        self.assertEqual(system.json("POST", "/v1/signatures", request)[0], 200)
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

        system.script("pending")
        status, answer = system.ask()
        self.assertEqual((status, answer["state"]), (202, "PENDING"))
        self.assertNotIn("cms", answer)
        target = f"/v1/signatures/{answer['signature_id']}"
        done = self.until(lambda: (lambda got: got if got[0] == 200 else None)(
            system.json("GET", target)))
        self.assertEqual(done[1]["state"], "DONE")

        system.script("refused")
        status, answer = system.ask()
        self.assertEqual((status, answer["state"]), (200, "REFUSED"))
        self.assertNotIn("cms", answer)

        system.script("lost_answer")
        request = call()
        with self.assertRaises(OSError):
            system.json("POST", "/v1/signatures", request)
        self.assertEqual(system.json("POST", "/v1/signatures", request)[1]["state"], "DONE")
        self.assertEqual(system.json("GET", "/sim/state")[1]["faults"], {
            f"signatures/{kind}": 1
            for kind in ("http_503", "delay", "pending", "refused", "lost_answer")})

    def test_whoever_retries_gets_a_signature(self):
        system = self.start("--faults", "80", "--seed", str(SEED), "--delay-seconds", "0",
                            "--pending-seconds", "0")
        for _ in range(30):
            request = call()
            for _ in range(10):
                try:
                    status, answer = system.json("POST", "/v1/signatures", request)
                except OSError:
                    continue
                if status == 200:
                    break
            self.assertEqual((status, answer["state"]), (200, "DONE"))
        self.assertGreater(sum(system.json("GET", "/sim/state")[1]["faults"].values()), 0)

    def test_the_journal_tells_all(self):
        system = self.start()
        request = call()
        system.json("POST", "/v1/signatures", request)
        system.json("POST", "/v1/signatures", request)
        records = system.journal()
        self.assertEqual([record["n"] for record in records], list(range(1, len(records) + 1)))
        self.assertEqual([record["record"] for record in records],
                         ["authority", "authority", "officer", "request", "certificate",
                          "signature", "answer", "answer"])
        self.assertEqual(system.journal(after=7), records[7:])
        self.assertEqual(records[3]["reference"], request["reference"])
        self.assertEqual(records[-1]["http"], 200)

    def test_the_list_is_made_anew(self):
        system = self.start("--crl-seconds", "1")
        first = system.http("GET", "/crl/issuing.crl")
        self.until(lambda: system.http("GET", "/crl/issuing.crl") != first)

    def test_tls_asks_for_a_certificate_of_the_client(self):
        folder = tempfile.mkdtemp(dir=scratch.name)
        for name in ("server", "client"):
            result = openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem")
            self.assertEqual(result.returncode, 0, result.stderr)
        anonymous = ssl.create_default_context(cafile=f"{folder}/server.pem")
        known = ssl.create_default_context(cafile=f"{folder}/server.pem")
        known.load_cert_chain(f"{folder}/client.pem", f"{folder}/client.key")
        system = self.start("--cert", f"{folder}/server.pem", "--key", f"{folder}/server.key",
                            "--client-ca", f"{folder}/client.pem", tls=known)
        self.assertEqual(system.ask()[0], 200)
        system.tls = anonymous
        with self.assertRaises(OSError):
            system.ask()


if __name__ == "__main__":
    unittest.main()
