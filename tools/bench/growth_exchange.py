"""Of the bench `growth`: what a call costs the gateway with many agreements, and with many connections."""

import contextlib
import pathlib
import resource
import shutil
import socket
import sys
import tempfile

import exchange
import exchange_files
import journey
import proxies

TIMES = 100
AGREEMENTS = 100
SMALL = "complete"
FIGURES = {"growth.agreements": "x", "growth.connections": "x"}
SECONDS = 2
# RFC 9113, 3.4: the preface, and SETTINGS that say nothing.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
HELLO_SECONDS = 10
FILES = 4 * TIMES * exchange.CONNECTIONS


class Field(exchange.Field):
    """Three gateways that differ in one thing: `complete`, `agreements` and `connections`."""

    def start(self, name, folder):
        folder.mkdir()
        place = proxies.Place(folder, 0, self.running[exchange.DIRECT].port, None)
        many = TIMES if name == "agreements" else 1
        self.running[name] = proxies.start_gateway(SMALL, self.build, place, AGREEMENTS * many)
        made = exchange_files.Calls.in_folder(folder / "data")
        # As many are called, in all parts of the table.
        paths = made.paths.read_text(encoding="ascii").splitlines(keepends=True)[::many]
        self.calls[name] = exchange_files.Calls(proxies.write(folder / "called", "".join(paths)), made.tokens)


def connect(port):
    """A connection of HTTP/2 that is open, and says nothing more."""
    made = socket.create_connection(("127.0.0.1", port), HELLO_SECONDS)
    made.sendall(HELLO)
    if not made.recv(1):
        raise journey.BenchError("the gateway ended an idle connection")
    return made


def measure_round(field, number):
    case = next(case for case in exchange.all_cases() if case.suffix == "")
    told = {name: field.load(name, case, SECONDS, 0)["watched_cpu_us_per_call"]
            for name in exchange.in_turn((SMALL, "agreements", "connections"), number)}
    return {figure: told[figure.partition(".")[2]] / told[SMALL] for figure in FIGURES}


def measure(options):
    build = options.build.resolve()
    exchange.check_built(build, exchange.OURS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir=build))
    field = None
    try:
        field = Field(build, scratch / "h2c", (SMALL, "agreements", "connections"), None)
        with contextlib.ExitStack() as idle:
            for _ in range((TIMES - 1) * exchange.CONNECTIONS):
                idle.enter_context(connect(field.running["connections"].port))
            rounds = []
            for number in range(options.rounds):
                rounds.append(measure_round(field, number))
                told = ", ".join(f"{name} {value:.4g}" for name, value in rounds[-1].items())
                print(f"bench: round {number + 1}/{options.rounds}: {told}", file=sys.stderr, flush=True)
            return rounds
    finally:
        if field is not None:
            field.stop()
        shutil.rmtree(scratch, ignore_errors=True)
