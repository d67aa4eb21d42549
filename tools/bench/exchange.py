"""The bench `exchange`: what a call through our gateway costs, over what it costs through other proxies."""

import dataclasses
import fnmatch
import itertools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import exchange_files
import journey
import proxies

OURS = ("bare", "complete")
CONTESTANTS = ("nghttpx", "haproxy", "nginx", "envoy", "envoy_full", *OURS)
# The load on the upstream itself.
DIRECT = "direct"
RATIOS = {"complete_over_nghttpx": ("complete", "nghttpx"), "complete_over_envoy": ("complete", "envoy_full"),
          "complete_over_nginx": ("complete", "nginx"), "bare_over_nghttpx": ("bare", "nghttpx")}
# Name -> length of the gRPC message, and what it adds to a figure's name.
SIZES = {"100": (100, ""), "2k": (2_000, "_2k"), "100k": (100_000, "_100k")}
STREAMS = {"8x50": (50, ""), "8x1": (1, "_1s")}
TRANSPORTS = {"h2c": (False, ""), "tls": (True, "_tls")}
CONNECTIONS = 8
RATES = (4_000, 16_000)
ADDED_P99 = "exchange.added_p99"
WARM_UP_SECONDS = 1
# Of the load program, beyond what it measures.
PATIENCE_SECONDS = 60
BEHIND = "no answer"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    request_bytes: int
    streams: int
    tls: bool
    # Calls per second: 0 when the next leaves as one is answered, None for half of what `complete` can.
    rate: int | None
    suffix: str


def all_cases():
    found = [Case(f"{size}_{streams}_{transport}", SIZES[size][0], STREAMS[streams][0], TRANSPORTS[transport][0], 0,
                  SIZES[size][1] + STREAMS[streams][1] + TRANSPORTS[transport][1])
             for transport, streams, size in itertools.product(TRANSPORTS, STREAMS, SIZES)]
    size, streams = SIZES["100"][0], STREAMS["8x50"][0]
    found += [Case(f"open_{rate}", size, streams, False, rate, f"_open_{rate}") for rate in RATES]
    return [*found, Case("half", size, streams, False, None, "")]


def ratios_of(case):
    """At a given rate the slow ones fall behind: they are printed, but say nothing as a ratio."""
    return {name: pair for name, pair in RATIOS.items() if not case.rate or pair[1].startswith("nghttpx")}


FIGURES = {f"exchange.{ratio}{case.suffix}": "x" for case in all_cases() if case.rate is not None
           for ratio in ratios_of(case)}
FIGURES |= {ADDED_P99: "syncs", "disk.sync": "ms"}


def chosen(options):
    """The contestants and the cases that are wanted."""
    names = options.contestants.split(",")
    unknown = set(names) - set(CONTESTANTS)
    cases = [case for case in all_cases()
             if any(fnmatch.fnmatch(case.name, pattern) for pattern in options.cases.split(","))]
    if "complete" not in names:
        cases = [case for case in cases if case.rate is not None]
    if unknown or not cases:
        raise journey.BenchError(f"there are contestants {', '.join(CONTESTANTS)} and cases "
                                 f"{', '.join(case.name for case in all_cases())} (half with complete only)")
    return [name for name in CONTESTANTS if name in names], cases


class Field:
    """An upstream and the contestants before it, all started, with or without TLS."""

    def __init__(self, build, folder, names, certificates):
        self.build, self.certificates = build, certificates
        self.running, self.calls = {}, {}
        folder.mkdir()
        try:
            self.running[DIRECT] = proxies.start_upstream(build, folder, certificates)
            # Ours first: the others are called with their paths and tokens.
            for name in sorted(names, key=lambda name: name not in OURS):
                self.start(name, folder / name)
            self.share_calls(folder, names)
        except BaseException:
            self.stop()
            raise

    def start(self, name, folder):
        folder.mkdir()
        place = proxies.Place(folder, proxies.free_port(), self.running[DIRECT].port, self.certificates)
        if name in OURS:
            self.running[name] = proxies.start_gateway(name, self.build, place)
            self.calls[name] = exchange_files.Calls.in_folder(folder / "data")
            return
        jwks = None
        if name == "envoy_full":
            signer = exchange_files.Signer(folder)
            jwks, length = signer.jwks, exchange_files.TOKEN_LENGTH
            if "complete" in self.calls:
                length = len(self.calls["complete"].tokens.read_text(encoding="ascii").split(maxsplit=1)[0])
            self.calls[name] = exchange_files.Calls(exchange_files.own_paths(folder),
                                                    signer.write_tokens(exchange_files.TOKENS, length))
        self.running[name] = proxies.start(name, place, jwks)

    def share_calls(self, folder, names):
        """Those of `complete` for everyone without an own load; without `complete`, ones that say nothing."""
        shared = self.calls.get("complete") or self.calls.get("envoy_full")
        if shared is None:
            signer = exchange_files.Signer(folder)
            shared = exchange_files.Calls(exchange_files.own_paths(folder),
                                          signer.write_tokens(exchange_files.PATHS, exchange_files.TOKEN_LENGTH))
        for name in (DIRECT, *names):
            self.calls.setdefault(name, shared)

    def load(self, name, case, seconds, rate):
        """What the load program told; a contestant that falls behind a rate is no error, one that refuses is."""
        running = self.running[name]
        command = [self.build / "bin" / "lgsp-bench-exchange-load", f"--target=127.0.0.1:{running.port}",
                   f"--connections={CONNECTIONS}", f"--streams={case.streams}",
                   f"--request_bytes={case.request_bytes}", f"--seconds={seconds}",
                   f"--warmup_seconds={WARM_UP_SECONDS}", f"--rate={rate}",
                   f"--watch={','.join(map(str, running.pids()))}", *self.calls[name].arguments()]
        if self.certificates:
            command += self.certificates.arguments("client")
        done = subprocess.run(proxies.on_core(proxies.cores()[1], command), capture_output=True, text=True, check=False,
                              timeout=seconds + PATIENCE_SECONDS)
        if done.returncode != 0:
            raise journey.BenchError(f"{name}: {done.stderr}{running.end_of_log()}")
        told = json.loads(done.stdout)
        behind = rate > 0 and told.get("first_failure", "").startswith(BEHIND)
        if told["calls"] == 0 or (told["failed"] and not behind):
            raise journey.BenchError(f"{name}: {told['calls']} calls, {told['failed']} failed: "
                                     f"{told.get('first_failure')}\n{done.stderr}{running.end_of_log()}")
        text = (f"bench:   {case.name} {name}: {told['watched_cpu_us_per_call']:.2f} us CPU per call, "
                f"{told['per_second']:.0f} calls/s, p50 {told['p50_us']:.0f} us, p99 {told['p99_us']:.0f} us")
        print(text + (f", falls behind: {told['failed']} calls unanswered" if behind else ""), file=sys.stderr, flush=True)
        return told

    def stop(self):
        for running in self.running.values():
            running.stop()


def in_turn(names, number):
    """The same, each round beginning with another."""
    names = list(names)
    return names[number % len(names):] + names[:number % len(names)]


def ratios(case, told):
    """Figure -> CPU per call of one over that of the other."""
    cpu = {name: one["watched_cpu_us_per_call"] for name, one in told.items()}
    return {f"exchange.{ratio}{case.suffix}": cpu[ours] / cpu[other]
            for ratio, (ours, other) in ratios_of(case).items() if ours in cpu and other in cpu}


def added_p99(field, case, seconds, number, most):
    """What `complete` adds to the p99 of the upstream alone at half of what it can, in microseconds."""
    p99 = {name: field.load(name, case, seconds, round(most / 2))["p99_us"]
           for name in in_turn(("complete", DIRECT), number)}
    return p99["complete"] - p99[DIRECT]


def measure_round(fields, cases, scratch, number, seconds):
    sync = journey.sync_milliseconds(scratch)
    found, most = {"disk.sync": sync}, None
    for case in cases:
        field = fields[case.tls]
        if case.rate is None:
            if most is None:
                most = field.load("complete", case, seconds, 0)["per_second"]
            found[ADDED_P99] = added_p99(field, case, seconds, number, most) / (1000 * sync)
            continue
        told = {name: field.load(name, case, seconds, case.rate)
                for name in in_turn((name for name in field.running if name != DIRECT), number)}
        if case.suffix == "" and "complete" in told:
            most = told["complete"]["per_second"]
        found |= ratios(case, told)
        for name, one in told.items():
            for what in ("watched_cpu_us_per_call", "per_second", "p50_us", "p99_us"):
                found[f"{case.name}.{name}.{what}"] = one[what]
    return found


def check_built(build, names):
    wanted = ["lgsp-bench-exchange-load", "lgsp-bench-exchange-upstream"]
    if set(names) & set(OURS):
        wanted += ["lgsp-gateway", "lgsp-bench-exchange-setup"]
    if any(not (build / "bin" / program).exists() for program in wanted):
        raise journey.BenchError(f"ninja -C {build} {' '.join(wanted)} is wanted first")
    if set(names) - {*OURS, "nghttpx"} and not proxies.UNPACKED.exists():
        raise journey.BenchError("the other proxies are missing: tools/bench/fetch")


def measure(options):
    build = options.build.resolve()
    names, cases = chosen(options)
    check_built(build, names)
    # Beside the build: /tmp may have no disk.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir=build))
    fields = {}
    try:
        for tls in sorted({case.tls for case in cases}):
            certificates = exchange_files.Certificates(scratch / "certificates") if tls else None
            fields[tls] = Field(build, scratch / ("tls" if tls else "h2c"), names, certificates)
        rounds = []
        for number in range(options.rounds):
            print(f"bench: round {number + 1}/{options.rounds}", file=sys.stderr, flush=True)
            rounds.append(measure_round(fields, cases, scratch, number, options.seconds))
            told = ", ".join(f"{name} {rounds[-1][name]:.4g}" for name in FIGURES if name in rounds[-1])
            print(f"bench: round {number + 1}/{options.rounds}: {told}", file=sys.stderr, flush=True)
        return rounds
    finally:
        for field in fields.values():
            field.stop()
        shutil.rmtree(scratch, ignore_errors=True)
