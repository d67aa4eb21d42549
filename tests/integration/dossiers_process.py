"""Processes of lgsp-dossiers that a test starts and kills itself, and a gateway's way to call them.

Keys, certificates and the configuration are those of `lgsp init --demo`; the test signs `lgsp-caller` with the
gateway's key and connects with its certificate, with OpenSSL's own program, so that no code of ours signs.
"""

import base64
import hashlib
import importlib
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import grpc

import platform_process
from foreign_client import STUBS, dossiers_grpc, health_grpc, health_pb
from platform_process import BUILD, LGSP, ROOT, wait_until

subprocess.run(["protoc", "-I", ROOT / "protos", "--python_out", STUBS, "--grpc_out", STUBS,
                "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", "lgsp/events/v1/feed.proto"], check=True)
feed_pb = importlib.import_module("lgsp.events.v1.feed_pb2")
feed_grpc = importlib.import_module("lgsp.events.v1.feed_pb2_grpc")

DOSSIERS = "lgsp.dossiers.v1.Dossiers"
READY_SECONDS = 60
STOP_SECONDS = 60
HEALTH_SECONDS = 1
# A token lives 60 s.
TOKEN_SECONDS = 30
LOG_LINES = 20


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


class Installation:
    """A folder by `lgsp init --demo`. Use `remove`."""

    def __init__(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="storm.", dir=BUILD / "tests"))
        try:
            self.make()
        except BaseException:
            self.remove()
            raise

    def make(self):
        self.folder = self.scratch / "data"
        self.base = platform_process.free_base_port()
        done = subprocess.run([LGSP, "init", self.folder, "--demo", "--base-port", str(self.base)], check=False,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.lock = threading.Lock()
        self.tokens = {}
        spki = openssl("pkey", "-in", self.folder / "keys/caller.key", "-pubout", "-outform", "DER")
        self.key_id = hashlib.sha256(spki).hexdigest()[:16]

    def channel(self, service, port):
        """A connection of its own to a process of dossiers, with the certificate of `service`."""
        names = ("ca/authority.crt", f"services/{service}/tls.key", f"services/{service}/tls.crt")
        credentials = grpc.ssl_channel_credentials(*((self.folder / name).read_bytes() for name in names))
        channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, options=(
            ("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", "dossiers.lgsp"),
            ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)))
        # grpcio connects only while somebody waits for the channel; calls that fail at once do not.
        channel.subscribe(lambda state: None, try_to_connect=True)
        return channel

    def sign(self, caller):
        """A compact JWS as the gateway makes it."""
        header = json.dumps({"alg": "EdDSA", "kid": self.key_id}, separators=(",", ":"))
        text = base64url(header.encode()) + "." + base64url(json.dumps(caller).encode())
        file = self.scratch / "token"
        file.write_text(text, encoding="ascii")
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.folder / "keys/caller.key", "-in", file)
        return text + "." + base64url(signature)

    def metadata(self, system, agencies):
        """What the gateway adds to a call of `system`."""
        with self.lock:
            made, token = self.tokens.get((system, agencies), (0, None))
            if token is None or time.monotonic() - made > TOKEN_SECONDS:
                now = int(time.time())
                token = self.sign({"iss": "gateway", "aud": DOSSIERS, "iat": now, "exp": now + 60, "system": system,
                                   "agencies": list(agencies)})
                self.tokens[system, agencies] = (time.monotonic(), token)
        return (("lgsp-caller", token),)

    def remove(self):
        shutil.rmtree(self.scratch, ignore_errors=True)


class DossiersProcess:
    """One of several on one database. Start it on the main thread: the kernel ends it with its thread."""

    def __init__(self, installation, number, database_url):
        self.installation = installation
        self.name = f"dossiers-{number}"
        # Ports that the folder's own processes do not have.
        self.port = installation.base + 30 + number
        self.config = installation.folder / "config" / f"{self.name}.textproto"
        self.log = installation.scratch / f"{self.name}.log"
        self.process = None
        self.not_ready = None
        text = (installation.folder / "config" / "dossiers.textproto").read_text(encoding="utf-8")
        for field, value in (("listen", f"127.0.0.1:{self.port}"), ("database_url", database_url),
                             ("metrics_listen", f"127.0.0.1:{installation.base + 45 + number}")):
            text, count = re.subn(rf'\b{field}: "[^"]*"', f'{field}: "{value}"', text)
            assert count == 1, field
        self.config.write_text(text, encoding="utf-8")
        self.channel = installation.channel("gateway", self.port)
        self.stub = dossiers_grpc.DossiersStub(self.channel)
        self.health = health_grpc.HealthStub(self.channel)

    def start(self):
        with open(self.log, "ab") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", BUILD / "bin" / "lgsp-dossiers", "--config", self.config],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}\n{self.log_end()}")
        try:
            answer = self.health.Check(health_pb.HealthCheckRequest(service=DOSSIERS), timeout=HEALTH_SECONDS)
        except grpc.RpcError as error:
            self.not_ready = error.details()
            return False
        return answer.status == health_pb.HealthCheckResponse.SERVING

    def wait_ready(self):
        try:
            wait_until(self.is_ready, READY_SECONDS, f"{self.name} is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.not_ready}\n{self.log_end()}") from None

    def kill(self):
        """kill -9; false when it had ended by itself."""
        alive = self.process.poll() is None
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        return alive

    def end(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def stop(self):
        self.channel.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def log_end(self):
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])
