"""A PostgreSQL server for measuring: a new cluster that syncs its log, reached by a socket, on the disk of the bench."""

import csv
import io
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

# The programs of the server are not on the PATH in Debian.
PROGRAMS = pathlib.Path(subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True,
                                       text=True).stdout.strip())
# PostgreSQL refuses to run as root; the package makes this user.
UNPRIVILEGED = "postgres"
START_SECONDS = 60
STOP_SECONDS = 60
POLL_SECONDS = 0.05
# Durable, and otherwise as its manual recommends for a machine of its own with a few gigabytes; no checkpoint falls into
# a round by its size.
SETTINGS = ("listen_addresses=", "fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=512MB",
            "max_wal_size=8GB", "checkpoint_timeout=30min", "max_connections=100", "logging_collector=on",
            "log_destination=csvlog", "log_directory=log", "log_filename=statements.log", "log_rotation_size=0")


class PostgresError(Exception):
    """PostgreSQL does not do what it should."""


def as_user():
    """What goes before a command so that it runs as a user whom the server accepts."""
    command = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        command += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return command


def cpu_seconds(root):
    """CPU time of a process and of all that it has begun."""
    parents, own = {}, {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            # Of its own, and of its children that have ended.
            parents[int(folder.name)] = int(fields[1])
            own[int(folder.name)] = sum(map(int, fields[11:15]))
    def is_of(process):
        while process not in (root, 0, None):
            process = parents.get(process)
        return process == root
    return sum(ticks for process, ticks in own.items() if is_of(process)) / os.sysconf("SC_CLK_TCK")


class Postgres:
    """Ready when made; its data lie in a folder of their own in `scratch`. Use `stop`."""

    def __init__(self, scratch):
        self.data = scratch / "postgres"
        # A socket's path is short.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="lgsp-bench-"))
        self.server = None
        self.databases = 0
        try:
            self.data.mkdir()
            # On its way to the cluster the server passes the folder.
            scratch.chmod(0o711)
            if os.geteuid() == 0:
                shutil.chown(self.data, UNPRIVILEGED)
                shutil.chown(self.sockets, UNPRIVILEGED)
            self.tool("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--locale=C", "-E", "UTF8")
            self.start()
        except BaseException:
            self.stop()
            raise

    def tool(self, name, *arguments):
        done = subprocess.run([*as_user(), PROGRAMS / name, *map(str, arguments)], capture_output=True, text=True,
                              check=False, cwd=self.sockets)
        if done.returncode != 0:
            raise PostgresError(f"{name}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def start(self):
        options = [part for setting in SETTINGS for part in ("-c", setting)]
        with open(self.sockets / "log", "ab") as log:
            # pylint: disable-next=consider-using-with
            self.server = subprocess.Popen(
                [*as_user(), PROGRAMS / "postgres", "-D", self.data, "-k", self.sockets, *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.sockets)
        deadline = time.monotonic() + START_SECONDS
        state = self.data / "postmaster.pid"
        while not (state.exists() and "\nready " in state.read_text(encoding="utf-8")):
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise PostgresError("PostgreSQL did not start\n" + (self.sockets / "log").read_text(errors="replace"))
            time.sleep(POLL_SECONDS)

    def create_database(self, template="template0"):
        """The name of a new database, with what `template` has; nobody may be connected to that."""
        self.databases += 1
        name = f"bench{self.databases}"
        self.tool("createdb", *self.where(), "-T", template, "-E", "UTF8", "--locale=C", name)
        return name

    def where(self):
        return ("-h", self.sockets, "-U", "postgres")

    def url(self, database):
        return f"postgresql://postgres@/{database}?host={self.sockets}"

    def query(self, database, sql):
        """Rows of text."""
        text = self.tool("psql", *self.where(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--csv", "-t", "-d", database, "-c",
                         sql)
        return list(csv.reader(io.StringIO(text)))

    def log_statements(self, database, on):
        """Whether connections that `database` gets from now on have their statements in the log."""
        self.query(database, f"ALTER DATABASE {database} SET log_statement = '{'all' if on else 'none'}'")

    def statement_log(self):
        return self.data / "log" / "statements.csv"

    def cpu_seconds(self):
        return cpu_seconds(self.server.pid)

    def stop(self):
        try:
            if self.server is not None and self.server.poll() is None:
                self.server.send_signal(signal.SIGQUIT)
                self.server.wait(STOP_SECONDS)
        finally:
            if self.server is not None and self.server.poll() is None:
                self.server.kill()
            shutil.rmtree(self.sockets, ignore_errors=True)
            shutil.rmtree(self.data, ignore_errors=True)
