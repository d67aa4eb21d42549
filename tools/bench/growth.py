"""The bench `growth`: what a submission and a first page cost with many dossiers, over what they cost with few."""

import collections
import pathlib
import sys
import time

import growth_exchange
import growth_fill
import journey
import postgres
import service

FIGURES = {"growth.rows": "x", "growth.postgres_cpu": "x", "growth.postgres_server_cpu": "x", "growth.sqlite_cpu": "x",
           "growth.sqlite_read": "x"}
DOSSIER_FIGURES = tuple(FIGURES)
FIGURES |= growth_exchange.FIGURES

# An officer's agency.
AGENCY = "H12.04"
# The commonest of the load client's people.
FAMILY = "Nguyễn"
PAGE = 10
# So many real dossiers that a page of each list has enough of them; the rest are copies.
FEWEST_REAL = 600
FILL_CLIENTS, FILL_SECONDS, LOAD_SECONDS = 16, 3, 3
CALLS = 300
CALL_SECONDS = 60
SIZES = ("small", "large")
# Entries of indexes and rows of scans, by connections that have ended.
ROWS = ("SELECT (SELECT SUM(seq_tup_read) FROM pg_stat_user_tables) + (SELECT SUM(idx_tup_read) FROM "
        "pg_stat_user_indexes)")
END_CONNECTIONS = ("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() "
                   "AND pid <> pg_backend_pid()")
SQLITE, POSTGRES = "sqlite", "postgres"


class Filled:
    """A process of dossiers on a database of about so many dossiers."""

    def __init__(self, services, server, engine, size, wanted):
        self.services, self.server, self.engine, self.size = services, server, engine, size
        self.database, self.words = None, None
        if engine == POSTGRES:
            self.database = server.create_database()
            url = server.url(self.database)
        else:
            path = services.scratch / f"growth-{size}.db"
            url = f"sqlite:{path}"
        process = services.start(url)
        real = services.load(process, FILL_CLIENTS, 0, FILL_SECONDS)["submitted"]
        while real < min(FEWEST_REAL, wanted):
            real += services.load(process, FILL_CLIENTS, 0, FILL_SECONDS)["submitted"]
        process.end()
        begun = time.monotonic()
        copies = max(1, round(wanted / real) - 1)
        if engine == POSTGRES:
            growth_fill.fill_postgres(server, self.database, copies)
        else:
            growth_fill.fill_sqlite(path, copies)
        print(f"bench: {engine} {size}: {real} real dossiers and {copies} copies of each, "
              f"{time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        self.process = services.start(url)

    def read_bytes(self):
        text = pathlib.Path(f"/proc/{self.process.process.pid}/io").read_text(encoding="ascii")
        return int(text.partition("rchar: ")[2].split()[0])

    def rows(self):
        self.server.query(self.database, END_CONNECTIONS)
        return int(self.server.query(self.database, ROWS)[0][0])

    def spend(self, calls):
        """Cost of what `calls` does and counts, of each call: service and server CPU in seconds, rows or bytes read."""
        on_postgres = self.engine == POSTGRES
        read = self.rows() if on_postgres else self.read_bytes()
        before = postgres.cpu_seconds(self.process.process.pid), self.server.cpu_seconds()
        count = calls(self)
        after = postgres.cpu_seconds(self.process.process.pid), self.server.cpu_seconds()
        cost = {"cpu": (after[0] - before[0]) / count}
        cost["read"] = ((self.rows() if on_postgres else self.read_bytes()) - read) / count
        if on_postgres:
            cost["server_cpu"] = (after[1] - before[1]) / count
        return cost


def common_words(client, filled):
    """The family name and the middle name that most have among the newest who are called FAMILY."""
    if filled.words is None:
        request = client.pb.SearchDossiersRequest(page_size=PAGE, name=FAMILY)
        metadata = filled.services.installation.metadata(service.SYSTEM, (AGENCY,))
        found = filled.process.stub.SearchDossiers(request, timeout=CALL_SECONDS, metadata=metadata)
        names = collections.Counter(dossier.applicant.full_name.split()[1] for dossier in found.dossiers)
        filled.words = f"{FAMILY} {names.most_common(1)[0][0]}"
    return filled.words


def pages(client, method, **fields):
    """CALLS first pages of a list, for an officer's system."""
    kind = {"ListDossiers": client.pb.ListDossiersRequest, "SearchDossiers": client.pb.SearchDossiersRequest}[method]

    def call(filled):
        metadata = filled.services.installation.metadata(service.SYSTEM, (AGENCY,))
        request = kind(page_size=PAGE, **{name: value(client, filled) if callable(value) else value
                                          for name, value in fields.items()})
        for _ in range(CALLS):
            answer = getattr(filled.process.stub, method)(request, timeout=CALL_SECONDS, metadata=metadata)
            if not answer.dossiers:
                raise journey.BenchError(f"{filled.engine} {filled.size}: {method} {fields} is empty")
        return CALLS
    return call


def operations(services):
    client = services.client
    procedure = services.storm.department_procedure(AGENCY)
    late = client.pb.ListDossiersRequest().due_before
    late.FromMicroseconds(growth_fill.LATER_DUE + 10**12)

    def submit(filled):
        # CPU is counted from the beginning of the warm-up.
        told = services.load(filled.process, 4, 0, LOAD_SECONDS)
        return told["submitted"]

    lists = {"all": {}, "state": {"state": client.pb.Dossier.SUBMITTED}, "settling": {"settling_agency": AGENCY},
             "procedure": {"procedure": procedure}, "officer": {"officer": growth_fill.OFFICER},
             "due": {"due_before": late},
             "officer and state": {"officer": growth_fill.OFFICER, "state": client.pb.Dossier.SUBMITTED},
             "procedure and state": {"procedure": procedure, "state": client.pb.Dossier.SUBMITTED}}
    found = {f"list by {name}": pages(client, "ListDossiers", **fields) for name, fields in lists.items()}
    found["search by a word"] = pages(client, "SearchDossiers", name=FAMILY)
    found["search by words"] = pages(client, "SearchDossiers", name=common_words)
    return {"submit": submit, **found}


def measure_round(services, filled):
    """Figure -> the worst ratio of all operations; what each was goes to standard error."""
    worst = dict.fromkeys(DOSSIER_FIGURES, 0)
    names = {(POSTGRES, "read"): "growth.rows", (POSTGRES, "cpu"): "growth.postgres_cpu",
             (POSTGRES, "server_cpu"): "growth.postgres_server_cpu", (SQLITE, "cpu"): "growth.sqlite_cpu",
             (SQLITE, "read"): "growth.sqlite_read"}
    for name, calls in operations(services).items():
        for engine in (POSTGRES, SQLITE):
            cost = {size: filled[engine, size].spend(calls) for size in SIZES}
            for what, large in cost["large"].items():
                small = cost["small"][what]
                figure = names[engine, what]
                ratio = large / small if small else 1.0
                worst[figure] = max(worst[figure], ratio)
                print(f"bench: {name}: {figure} {ratio:.3g} ({small:.6g} -> {large:.6g})", file=sys.stderr, flush=True)
    return worst


def measure_dossiers(options):
    services = service.Services(options.build.resolve())
    server, filled = None, {}
    try:
        server = postgres.Postgres(services.scratch)
        for size in SIZES:
            for engine in (POSTGRES, SQLITE):
                filled[engine, size] = Filled(services, server, engine, size, getattr(options, size))
        rounds = []
        for number in range(options.rounds):
            print(f"bench: round {number + 1}/{options.rounds}", file=sys.stderr, flush=True)
            rounds.append(measure_round(services, filled))
        return rounds
    finally:
        for one in filled.values():
            one.process.stop()
        if server is not None:
            server.stop()
        services.remove()


def measure(options):
    """The rounds of what is wanted, side by side."""
    kinds = {"dossiers": measure_dossiers, "exchange": growth_exchange.measure}
    wanted = [kinds[name](options) for name in kinds if options.of in (name, "all")]
    return [dict(collections.ChainMap(*found)) for found in zip(*wanted)]
