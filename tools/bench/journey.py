"""The bench `journey`: starts a filled platform again and again, and walks dossiers through it."""

import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

# Attempts to connect before the gateway listens are no news.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc  # pylint: disable=wrong-import-position

FIGURES = {"platform.ready": "s", "platform.idle_memory": "MB", "journey.dossiers_per_second": "1/s",
           "disk.sync": "ms"}

SYSTEM = "demo-onestop"
LIST_DOSSIERS = "/lgsp.dossiers.v1.Dossiers/ListDossiers"
START_SECONDS = 60
STOP_SECONDS = 60
JOURNEY_SECONDS = 600
# The figure's definition: so long after the journey.
IDLE_SECONDS = 10
ASK_AGAIN_SECONDS = 0.005
SYNCS, SYNC_BYTES = 200, 4096
LOG_LINES = 20


class BenchError(Exception):
    """The platform did not do what is measured."""


class Bench:
    """A data folder and the platform on it."""

    def __init__(self, build, scratch, base_port):
        self.lgsp = build / "bin" / "lgsp"
        self.log = scratch / "up.log"
        self.folder = scratch / "data"
        self.up = None
        self.run("init", self.folder, "--demo", *(("--base-port", str(base_port)) if base_port else ()))
        self.gateway = self.address_of_gateway()
        names = ("ca/authority.crt", f"systems/{SYSTEM}.key", f"systems/{SYSTEM}.crt")
        self.credentials = grpc.ssl_channel_credentials(*((self.folder / name).read_bytes() for name in names))

    def run(self, *arguments):
        done = subprocess.run([self.lgsp, "--output", "json", *arguments], capture_output=True, text=True,
                              check=False, timeout=JOURNEY_SECONDS)
        if done.returncode != 0:
            raise BenchError(f"lgsp {arguments[0]} ended with {done.returncode}: {done.stderr}{self.end_of_log()}")
        return done.stdout

    def end_of_log(self):
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])

    def address_of_gateway(self):
        """From DIR/platform.textproto, where each process has its name before its address."""
        name = None
        for line in (self.folder / "platform.textproto").read_text(encoding="utf-8").splitlines():
            key, _, value = line.strip().partition(": ")
            if key == "name":
                name = value.strip('"')
            elif key == "address" and name == "gateway":
                return value.strip('"')
        raise BenchError(f"{self.folder}: the folder names no gateway")

    def start(self):
        """Seconds from `lgsp up` to the first answer of a service through the gateway."""
        with open(self.log, "ab") as log:
            begun = time.monotonic()
            # pylint: disable-next=consider-using-with
            self.up = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", self.lgsp, "up", self.folder],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not self.answers():
            if self.up.poll() is not None or time.monotonic() > begun + START_SECONDS:
                raise BenchError(f"the platform did not start\n{self.end_of_log()}")
            time.sleep(ASK_AGAIN_SECONDS)
        seconds = time.monotonic() - begun
        self.wait_ready()
        return seconds

    def answers(self):
        """One call on a connection of its own: a library's back-off between connections is not measured."""
        with grpc.secure_channel(self.gateway, self.credentials,
                                 options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
            try:
                channel.unary_unary(LIST_DOSSIERS)(b"", timeout=START_SECONDS)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise BenchError(f"{error.code()}: {error.details()}") from error
                return False
        return True

    def wait_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run([self.lgsp, "status", self.folder], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise BenchError(f"not all processes were ready after {START_SECONDS} s\n{self.end_of_log()}")
            time.sleep(ASK_AGAIN_SECONDS)

    def journey(self, dossiers):
        return json.loads(self.run("journey", self.folder, "--dossiers", str(dossiers)))["dossiers_per_second"]

    def idle_megabytes(self):
        time.sleep(IDLE_SECONDS)
        return json.loads(self.run("status", self.folder))["total_pss_kb"] / 1024

    def stop(self):
        if self.up is None or self.up.poll() is not None:
            return
        self.up.send_signal(signal.SIGTERM)
        try:
            code = self.up.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.up.kill()
            raise BenchError(f"lgsp up did not stop within {STOP_SECONDS} s") from None
        if code != 0:
            raise BenchError(f"lgsp up ended with {code}\n{self.end_of_log()}")


def sync_milliseconds(folder):
    """The disk alone: the median fdatasync of a small record."""
    path, taken = folder / "sync", []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(SYNCS):
            os.write(file, b"x" * SYNC_BYTES)
            begun = time.monotonic()
            os.fdatasync(file)
            taken.append(time.monotonic() - begun)
    finally:
        os.close(file)
        path.unlink()
    return 1000 * statistics.median(taken)


def measure_round(bench, scratch, dossiers):
    found = {"platform.ready": bench.start(), "disk.sync": sync_milliseconds(scratch)}
    found["journey.dossiers_per_second"] = bench.journey(dossiers)
    found["platform.idle_memory"] = bench.idle_megabytes()
    bench.stop()
    return found


def measure(options):
    """The rounds, each on the folder that those before it have filled; the first fill is not measured."""
    if not (options.build / "bin" / "lgsp").exists():
        raise BenchError(f"{options.build}: is not built; tools/quickstart builds build/release")
    # Beside the build: /tmp may have no disk.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir=options.build))
    bench = None
    try:
        bench = Bench(options.build.resolve(), scratch, options.base_port)
        bench.start()
        bench.journey(options.dossiers)
        bench.stop()
        rounds = []
        for number in range(options.rounds):
            rounds.append(measure_round(bench, scratch, options.dossiers))
            told = ", ".join(f"{name} {value:.4g} {FIGURES[name]}" for name, value in rounds[-1].items())
            print(f"bench: round {number + 1}/{options.rounds}: {told}", file=sys.stderr, flush=True)
        return rounds
    finally:
        if bench is not None and bench.up is not None and bench.up.poll() is None:
            bench.up.terminate()
            bench.up.wait(STOP_SECONDS)
        shutil.rmtree(scratch, ignore_errors=True)
