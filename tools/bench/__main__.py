"""Measures the platform: /usr/bin/python3 tools/bench BENCH [options]. README.md has what each figure means."""

import argparse
import pathlib
import signal
import sys

import evidence
import exchange
import figures
import growth
import journey
import postgres
import submit

BENCHES = {"evidence": evidence, "exchange": exchange, "growth": growth, "journey": journey, "submit": submit}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def rounds(text):
    number = int(text)
    if number < figures.LEAST_ROUNDS:
        raise argparse.ArgumentTypeError(f"a median wants at least {figures.LEAST_ROUNDS} rounds")
    return number


def arguments():
    parser = argparse.ArgumentParser(prog="/usr/bin/python3 tools/bench", description="Measures the platform.")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="json: the rounds as well")
    benches = parser.add_subparsers(dest="bench", required=True)
    of_journey = benches.add_parser("journey", help="the whole platform: start, throughput, idle memory")
    of_journey.add_argument("--rounds", type=rounds, default=figures.LEAST_ROUNDS)
    of_journey.add_argument("--dossiers", type=int, default=200, help="in each round (200)")
    of_journey.add_argument("--base-port", type=int, help="of the platform; that of `lgsp init` otherwise")
    of_submit = benches.add_parser("submit", help="submissions a second, beside pgbench on the same statements")
    of_submit.add_argument("--rounds", type=rounds, default=figures.LEAST_ROUNDS)
    of_submit.add_argument("--seconds", type=int, default=10, help="of each measurement (10)")
    of_growth = benches.add_parser("growth", help="cost with much over cost with little")
    of_growth.add_argument("--rounds", type=rounds, default=figures.LEAST_ROUNDS)
    of_growth.add_argument("--small", type=int, default=10_000, help="dossiers (10000)")
    of_growth.add_argument("--large", type=int, default=1_000_000, help="dossiers (1000000)")
    of_growth.add_argument("--of", choices=("dossiers", "exchange", "all"), default="all", help="what grows (all)")
    of_exchange = benches.add_parser("exchange", help="the gateway beside other proxies: CPU of a call")
    of_exchange.add_argument("--rounds", type=rounds, default=figures.LEAST_ROUNDS)
    of_exchange.add_argument("--seconds", type=float, default=4, help="of each measurement (4)")
    of_exchange.add_argument("--contestants", default=",".join(exchange.CONTESTANTS), help="some of %(default)s")
    of_exchange.add_argument("--cases", default="*", help="names or patterns: 100_8x50_h2c,2k_*_tls,open_4000,half (all)")
    of_evidence = benches.add_parser("evidence", help="the evidence log beside hashing the same bytes")
    of_evidence.add_argument("--rounds", type=rounds, default=figures.LEAST_ROUNDS)
    of_evidence.add_argument("--records", type=int, default=1_000_000, help="in each round (1000000)")
    for bench in (of_journey, of_submit, of_growth, of_exchange, of_evidence):
        bench.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release",
                           help="build folder (build/release)")
        # Behind the name of the bench too; what stands before it is kept.
        bench.add_argument("--output", choices=("text", "json"), default=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = arguments()
    # As Ctrl-C: what was started and made is ended and removed.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        bench = BENCHES[options.bench]
        found = bench.measure(options)
        # Of a run that was narrowed, what it has.
        units = {name: unit for name, unit in bench.FIGURES.items() if name in found[0]}
        report = figures.Report(units, found)
    except (journey.BenchError, postgres.PostgresError, OSError) as error:
        print(f"bench: error: {error}", file=sys.stderr)
        return 1
    print(report.as_json(options.bench) if options.output == "json" else report.as_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
