"""Simulator of the national systems. Run by path: /usr/bin/python3 tools/national_sim --help"""

import sys

sys.dont_write_bytecode = True  # nothing is made in the source tree

# pylint: disable=wrong-import-position
import argparse
import asyncio
import json
import secrets
import signal
import socket
import ssl

from aiohttp import web

import faults
import journal
import portal

MAX_BODY_BYTES = 5 * 1024 * 1024
SHUTDOWN_SECONDS = 2  # for answers under way at SIGTERM; one held longer by a fault is dropped


def arguments():
    parser = argparse.ArgumentParser(prog="national_sim")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", type=address)
    parser.add_argument("--cert", metavar="FILE", help="PEM certificate; without it plain HTTP")
    parser.add_argument("--key", metavar="FILE", help="PEM key of --cert")
    parser.add_argument("--data", required=True, metavar="DIR", help="holds journal.jsonl")
    parser.add_argument("--credentials", required=True, metavar="FILE", type=credentials,
                        help='JSON {"username", "password"} of the province')
    parser.add_argument("--faults", metavar="PERCENT", type=between(0, 100), default=0.0)
    parser.add_argument("--seed", metavar="N", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--delay-seconds", metavar="N", type=between(0, 3600), default=3.0)
    parser.add_argument("--session-seconds", metavar="N", type=between(0, 10**9), default=600.0)
    args = parser.parse_args()
    if (args.cert is None) != (args.key is None):
        parser.error("--cert and --key go together")
    return args


def address(value):
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{value!r} is not HOST:PORT")
    return host, int(port)


def between(low, high):
    def parse(value):
        number = float(value)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return number
    return parse


def credentials(path):
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {error}") from error
    if (not isinstance(content, dict) or set(content) != {"username", "password"}
            or not all(isinstance(value, str) and value for value in content.values())):
        raise argparse.ArgumentTypeError(f"{path} must hold username and password, as texts")
    return content


def tls_context(args):
    if args.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(args.cert, args.key)
    return context


def replay(book, systems):
    def apply(record):
        systems[record["system"]].apply(record)
    book.replay(apply)


async def serve(args):
    tls = tls_context(args)
    fault_source = faults.Faults(portal.FAULT_KINDS, args.faults, args.seed, args.delay_seconds)
    book = journal.Journal(args.data)
    # One entry for each simulated system; a sibling adds its module here.
    systems = {portal.SYSTEM: portal.Portal(book, fault_source, args.credentials,
                                            args.session_seconds)}
    replay(book, systems)

    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stop.done() or stop.set_result(None))
    book.start(loop, lambda error: stop.done() or stop.set_exception(error))

    # aiohttp refuses a body of exactly client_max_size.
    app = web.Application(client_max_size=MAX_BODY_BYTES + 1)
    app.add_routes(fault_source.routes())
    for system in systems.values():
        app.add_routes(system.routes())
    runner = web.AppRunner(app, access_log=None)
    try:
        listener = socket.create_server(args.listen, backlog=1024)
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=tls,
                           shutdown_timeout=SHUTDOWN_SECONDS).start()
        host, port = listener.getsockname()[:2]
        print(f"national_sim: seed {args.seed}", file=sys.stderr, flush=True)
        scheme = "https" if tls else "http"
        print(f"national_sim: ready on {scheme}://{host}:{port}", flush=True)
        await stop
    finally:
        await runner.cleanup()
        book.close()


def main():
    try:
        asyncio.run(serve(arguments()))
    except (journal.JournalError, OSError) as error:  # ssl.SSLError is an OSError
        sys.exit(f"national_sim: {error}")


if __name__ == "__main__":
    main()
