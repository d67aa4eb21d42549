"""A PostgreSQL server of a test's own: a new cluster in a folder of its own, reached by a socket there.

The kernel ends the server with the thread that made it.
"""

import csv
import io
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from platform_process import wait_until

# The programs of the server are not on the PATH in Debian.
PROGRAMS = pathlib.Path(subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True,
                                       text=True).stdout.strip())
# PostgreSQL refuses to run as root; the package makes this user.
UNPRIVILEGED = "postgres"
START_SECONDS = 60
STOP_SECONDS = 30
SQL_SECONDS = 60


def as_user():
    """What goes before a command so that it runs as a user whom the server accepts."""
    command = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        command += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return command


class PostgresServer:
    """Ready when made. Use `stop`."""

    def __init__(self):
        # A socket's path is short.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lgsp-storm-"))
        self.server = None
        self.databases = 0
        try:
            if os.geteuid() == 0:
                shutil.chown(self.folder, UNPRIVILEGED)
            self.tool("initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "--locale=C", "-E",
                      "UTF8", "--no-sync")
            self.start()
        except BaseException:
            self.stop()
            raise

    def tool(self, name, *arguments):
        done = subprocess.run([*as_user(), PROGRAMS / name, *map(str, arguments)], capture_output=True, text=True,
                              check=False, cwd=self.folder)
        if done.returncode != 0:
            raise AssertionError(f"{name}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def start(self):
        # Without fsync: only a machine without power would lose something by that.
        settings = ("listen_addresses=", "fsync=off", "shared_buffers=64MB", "max_connections=100")
        options = [part for setting in settings for part in ("-c", setting)]
        with open(self.folder / "log", "ab") as log:
            # pylint: disable-next=consider-using-with
            self.server = subprocess.Popen(
                [*as_user(), PROGRAMS / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)

        def ready():
            if self.server.poll() is not None:
                raise AssertionError("postgres ended\n" + (self.folder / "log").read_text(errors="replace")[-2000:])
            state = self.folder / "data" / "postmaster.pid"
            return state.exists() and "\nready " in state.read_text()
        wait_until(ready, START_SECONDS, "PostgreSQL is ready")

    def create_database(self):
        """The URL of a new, empty database, for libs/sql."""
        self.databases += 1
        name = f"db{self.databases}"
        self.tool("createdb", "-h", self.folder, "-U", "postgres", "-T", "template0", "-E", "UTF8", "--locale=C", name)
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def query(self, url, sql):
        """Rows of text."""
        command = [PROGRAMS / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--csv", "-t", "-d", url, "-c", sql]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SQL_SECONDS)
        if done.returncode != 0:
            raise AssertionError(f"{sql}: {done.stderr}")
        return list(csv.reader(io.StringIO(done.stdout)))

    def stop(self):
        try:
            if self.server is not None:
                self.server.send_signal(signal.SIGQUIT)
                self.server.wait(STOP_SECONDS)
        finally:
            if self.server is not None and self.server.poll() is None:
                self.server.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
