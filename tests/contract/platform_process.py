"""A platform of this build as real processes, in a folder and on ports of its own.

For tests in Python: `Platform`, `PlatformTest`. For one in another language, as a program that ends with its exit code:

    platform_process.py COMMAND...    runs COMMAND with LGSP_FOLDER, LGSP_GATEWAY and LGSP_GATEWAY_METRICS in its
                                      environment

LGSP_BUILD names the build folder (`bin` is in it). However a test ends, its processes end: the kernel tells `lgsp up`,
and `lgsp up` its children.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["LGSP_BUILD"]).resolve()
LGSP = BUILD / "bin" / "lgsp"
# A sanitizer makes everything slower and larger.
SANITIZED = bool(os.environ.get("LGSP_SANITIZE"))

# As `lgsp init` gives them.
OFFSETS = {"gateway": 3, "dossiers": 4, "national": 5, "insights": 6, "evidence": 7}
PORTS = 60
# Above, the kernel gives ports away.
FIRST_PORT, LAST_PORT = 20000, 32760
READY_SECONDS = 60
STOP_SECONDS = 60
PORT_ATTEMPTS = 20
LOG_LINES = 12

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
print(f"SEED={SEED}", file=sys.stderr)
chance = random.Random(SEED)


def wait_until(condition, seconds, what):
    """The first true value of condition(); fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_base_port():
    for _ in range(PORT_ATTEMPTS):
        base = chance.randrange(FIRST_PORT, LAST_PORT - PORTS)
        if all(is_free(port) for port in range(base, base + PORTS)):
            return base
    raise AssertionError("no free ports")


class Platform:
    """`lgsp up` on a folder made for it; ready when made. Use `stop`, or as a context."""

    def __init__(self, faults=0, seed=None, kafka=None, within=()):
        """`within`: a command that runs `lgsp up`; {folder} in it is the data folder."""
        self.within = within
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="platform.", dir=BUILD / "tests"))
        self.folder = self.scratch / "data"
        self.up = None
        try:
            self.base = free_base_port()
            self.lgsp("init", self.folder, "--demo", "--base-port", self.base, check=True)
            self.start(faults, seed, kafka)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def gateway(self):
        return f"127.0.0.1:{self.base + OFFSETS['gateway']}"

    def metrics_of(self, service):
        return f"127.0.0.1:{self.base + 20 + OFFSETS[service]}"

    def lgsp(self, *arguments, check=False, timeout=120):
        done = subprocess.run([LGSP, *map(str, arguments)], capture_output=True, text=True, check=False,
                              timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"lgsp {arguments[0]}: exit {done.returncode}\n{done.stderr}{self.logs()}")
        return done

    def start(self, faults=0, seed=None, kafka=None):
        command = [LGSP, "up", self.folder]
        if kafka:
            command += ["--kafka", kafka]
        if faults:
            command += ["--faults", str(faults)]
        if seed is not None:
            command += ["--seed", str(seed)]
        with open(self.scratch / "up.log", "ab") as log:
            # pylint: disable-next=consider-using-with
            within = [word.format(folder=self.folder) for word in self.within]
            self.up = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *within, *command], stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL)
        self.wait_ready()

    def wait_ready(self):
        def ready():
            if self.up.poll() is not None:
                raise AssertionError(f"lgsp up ended with {self.up.returncode}\n{self.logs()}")
            return self.lgsp("status", self.folder).returncode == 0
        wait_until(ready, READY_SECONDS, "the platform is ready")

    def status(self):
        return json.loads(self.lgsp("--output", "json", "status", self.folder).stdout)

    def pids(self):
        """Name -> pid of what runs, `up` included."""
        return {process["name"]: process["pid"] for process in self.status()["processes"] if process["pid"]}

    def rss_megabytes(self, name):
        with open(f"/proc/{self.pids()[name]}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        raise AssertionError(f"{name} has ended")

    def signal(self, name, number):
        os.kill(self.pids()[name], number)

    def kill_everything(self, pids):
        """kill -9 of `pids` at once, the supervisor first so that it restarts nothing."""
        for name in sorted(pids, key=lambda name: name != "up"):
            try:
                os.kill(pids[name], signal.SIGKILL)
            except ProcessLookupError:
                pass  # the kernel was faster: it ends the children of `up`
        self.up.wait(STOP_SECONDS)

    def logs(self):
        """The ends of all logs."""
        texts = []
        for path in [self.scratch / "up.log", *sorted(self.folder.glob("logs/*.log"))]:
            if path.exists():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
                texts.append(f"--- {path.name}\n" + "\n".join(lines))
        return "\n".join(texts)

    def end(self):
        """Ends the processes in order; the exit code of `lgsp up`."""
        self.up.send_signal(signal.SIGTERM)
        return self.up.wait(STOP_SECONDS)

    def stop(self):
        try:
            if self.up is not None and self.up.poll() is None:
                self.end()
        finally:
            if self.up is not None and self.up.poll() is None:
                self.up.kill()
            shutil.rmtree(self.scratch, ignore_errors=True)


class PlatformTest(unittest.TestCase):
    """Tests of one class share a platform; the ends of its logs are printed when one fails."""

    faults = 0

    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(cls.faults)
        cls.addClassCleanup(cls.platform.stop)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(self.platform.logs(), file=sys.stderr)
        return result


def exit_on_signals():
    """Signals end the test as an exception does: what it started is ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def main():
    """Runs the tests of the calling module."""
    exit_on_signals()
    unittest.main()


def run_command(command):
    exit_on_signals()
    with Platform() as platform:
        environment = {**os.environ, "LGSP_FOLDER": str(platform.folder), "LGSP_GATEWAY": platform.gateway,
                       "LGSP_GATEWAY_METRICS": platform.metrics_of("gateway")}
        done = subprocess.run(["setpriv", "--pdeathsig", "KILL", *command], env=environment, check=False)
        if done.returncode != 0:
            print(platform.logs(), file=sys.stderr)
        return done.returncode


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
