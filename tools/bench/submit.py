"""The bench `submit`: dossiers submitted a second, on SQLite and on PostgreSQL, beside pgbench running the same SQL."""

import re
import subprocess
import sys

import captured
import journey
import postgres
import service

FIGURES = {"submit.sqlite_over_pgbench": "x", "submit.postgres_over_pgbench": "x", "submit.sqlite": "1/s",
           "submit.postgres": "1/s", "submit.pgbench": "1/s", "submit.sqlite_p99": "ms", "submit.postgres_p99": "ms",
           "submit.sqlite_cpu": "us", "submit.postgres_cpu": "us", "submit.postgres_server_cpu": "us",
           "submit.pgbench_server_cpu": "us", "submit.client_cpu": "us", "disk.sync": "ms"}

CLIENTS = 16
# sql::Options.pool_size.
CONNECTIONS = 8
PGBENCH_THREADS = 2
WARM_UP_SECONDS = 2
CAPTURE_SECONDS = 5
# What one connection submits alone, so that no two share a commit: each shape several times.
FEWEST_SAMPLES = 5
SUBMISSION = "INSERT INTO dossiers "
PGBENCH_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
PGBENCH_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
# Between the numbers that pgbench's runs make their keys of.
KEYS_OF_A_RUN = 10**7


class Pgbench:
    """pgbench with the statements of submissions, on a database of its own."""

    def __init__(self, server, template, scripts, scratch):
        self.server = server
        self.runs = 0
        # pgbench runs as who may reach the server's socket.
        self.folder = scratch / "pgbench"
        self.folder.mkdir()
        self.database = server.create_database(template)
        self.arguments = []
        for number, script in enumerate(scripts):
            path = self.folder / f"submission{number}.sql"
            path.write_text(script.text, encoding="utf-8")
            self.arguments += ["-f", f"{path}@{script.weight}"]
            for name, value in script.constants.items():
                self.arguments += ["-D", f"{name}={value}"]

    def run(self, seconds):
        """Transactions a second."""
        self.runs += 1
        done = subprocess.run(
            [postgres.PROGRAMS / "pgbench", *self.server.where(), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j",
             str(PGBENCH_THREADS), "-T", str(seconds), "-D", f"k={self.runs * KEYS_OF_A_RUN}", *self.arguments,
             self.database], capture_output=True, text=True, check=False)
        failed = PGBENCH_FAILED.search(done.stdout)
        if done.returncode != 0 or (failed and failed[1] != "0"):
            raise journey.BenchError(f"pgbench: exit {done.returncode}\n{done.stderr}{done.stdout}")
        return float(PGBENCH_TPS.search(done.stdout)[1])


def capture(services, server):
    """A database with submissions in it, and pgbench's scripts of their statements."""
    database = server.create_database()
    server.log_statements(database, True)
    process = services.start(server.url(database))
    services.load(process, 1, 0, CAPTURE_SECONDS)
    process.end()
    server.log_statements(database, False)
    found = [one for one in captured.transactions(server.statement_log(), database)
             if any(statement.sql.startswith(SUBMISSION) for statement in one)]
    scripts = captured.scripts(found, FEWEST_SAMPLES)
    covered = sum(script.weight for script in scripts)
    if covered < 0.9 * len(found):
        raise journey.BenchError(f"only {covered} of {len(found)} submissions have one of {len(scripts)} shapes")
    print(f"bench: {len(found)} submissions captured, {len(scripts)} shapes of "
          f"{min(len(one.sample) for one in scripts)} to {max(len(one.sample) for one in scripts)} statements",
          file=sys.stderr, flush=True)
    return database, scripts


def of_load(found, engine, told, server_cpu):
    each = 1e6 / told["submitted"] * told["seconds"] / (told["seconds"] + WARM_UP_SECONDS)
    found[f"submit.{engine}"] = told["submitted"] / told["seconds"]
    found[f"submit.{engine}_p99"] = told["p99_ms"]
    found[f"submit.{engine}_cpu"] = told["service_cpu"] * each
    found["submit.client_cpu"] = told["client_cpu"] * each
    if server_cpu is not None:
        found[f"submit.{engine}_server_cpu"] = server_cpu * each


def measure_round(services, server, processes, pgbench, number, seconds):
    """Each of the three once, in an order that goes round."""
    found = {"disk.sync": journey.sync_milliseconds(services.scratch)}
    steps = ["sqlite", "postgres", "pgbench"]
    for step in steps[number % 3:] + steps[:number % 3]:
        before = server.cpu_seconds()
        if step == "pgbench":
            found["submit.pgbench"] = pgbench.run(seconds)
            found["submit.pgbench_server_cpu"] = (server.cpu_seconds() - before) * 1e6 / (
                found["submit.pgbench"] * seconds)
        else:
            told = services.load(processes[step], CLIENTS, WARM_UP_SECONDS, seconds)
            of_load(found, step, told, server.cpu_seconds() - before if step == "postgres" else None)
    for engine in processes:
        found[f"submit.{engine}_over_pgbench"] = found[f"submit.{engine}"] / found["submit.pgbench"]
    return found


def measure(options):
    services = service.Services(options.build.resolve())
    server, processes = None, {}
    try:
        server = postgres.Postgres(services.scratch)
        database, scripts = capture(services, server)
        pgbench = Pgbench(server, database, scripts, services.scratch)
        pgbench.run(1)
        processes["sqlite"] = services.start(f"sqlite:{services.scratch}/submit.db")
        processes["postgres"] = services.start(server.url(database))
        rounds = []
        for number in range(options.rounds):
            rounds.append(measure_round(services, server, processes, pgbench, number, options.seconds))
            told = ", ".join(f"{name} {rounds[-1][name]:.4g}" for name in FIGURES)
            print(f"bench: round {number + 1}/{options.rounds}: {told}", file=sys.stderr, flush=True)
        return rounds
    finally:
        for process in processes.values():
            process.stop()
        if server is not None:
            server.stop()
        services.remove()
