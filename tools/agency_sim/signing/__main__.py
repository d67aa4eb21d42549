"""Simulator of the agencies' signing system.
Run by path: /usr/bin/python3 tools/agency_sim/signing --help"""

import os
import sys

sys.dont_write_bytecode = True  # nothing is made in the source tree
# The journal is the one of the other simulators.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "national_sim"))

# pylint: disable=wrong-import-position
import argparse
import asyncio
import csv
import secrets
import signal
import socket
import ssl

from aiohttp import web

import authority
import hsm
import injection
import journal
import signing

MAX_BODY_BYTES = 64 * 1024
SHUTDOWN_SECONDS = 2  # for answers under way at SIGTERM; one held longer by a fault is dropped
CRL_CHECK_SECONDS = 30


def arguments():
    parser = argparse.ArgumentParser(prog="agency_sim/signing")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", type=address)
    parser.add_argument("--state", required=True, metavar="DIR", help="token, journal, ca/, crl/")
    parser.add_argument("--agencies", required=True, metavar="FILE", type=agencies,
                        help="CSV with the columns agency_code and name")
    parser.add_argument("--cert", metavar="FILE", help="PEM certificate; without it plain HTTP")
    parser.add_argument("--key", metavar="FILE", help="PEM key of --cert")
    parser.add_argument("--client-ca", metavar="FILE", help="clients need a certificate of it")
    parser.add_argument("--enrol", action="store_true",
                        help="an officer that is not known gets a certificate at the first request")
    parser.add_argument("--keys", choices=hsm.KINDS, default="ec", help="P-256 or RSA 2048")
    parser.add_argument("--public-url", default="", metavar="URL",
                        help="where certificates say that the revocation lists are")
    parser.add_argument("--crl-seconds", metavar="N", type=between(1, 10**8), default=86400.0)
    parser.add_argument("--faults", metavar="PERCENT", type=between(0, 100), default=0.0)
    parser.add_argument("--seed", metavar="N", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--delay-seconds", metavar="N", type=between(0, 3600), default=3.0)
    parser.add_argument("--pending-seconds", metavar="N", type=between(0, 10**6), default=2.0)
    args = parser.parse_args()
    if (args.cert is None) != (args.key is None) or (args.client_ca and not args.cert):
        parser.error("--cert and --key go together, --client-ca with them")
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


def agencies(path):
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = csv.DictReader(line for line in file if not line.startswith("#"))
            return {row["agency_code"]: {"code": row["agency_code"], "name": row["name"]}
                    for row in rows}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {error!r}") from error


def tls_context(args):
    if args.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(args.cert, args.key)
    if args.client_ca:
        context.load_verify_locations(args.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def publish(issuer):
    while True:
        await asyncio.sleep(CRL_CHECK_SECONDS)
        issuer.publish_due()


async def serve(args):
    tls = tls_context(args)
    faults = injection.Faults(args.faults, args.seed)
    book = journal.Journal(args.state)  # locks the folder, so before the token
    token = hsm.Token(args.state)
    issuer = authority.Authority(token, args.state, args.keys, args.crl_seconds, args.public_url)
    system = signing.Signing(book, faults, token, issuer, args.agencies, args)
    book.replay(system.apply)

    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stop.done() or stop.set_result(None))
    book.start(loop, lambda error: stop.done() or stop.set_exception(error))

    app = web.Application(client_max_size=MAX_BODY_BYTES + 1)
    app.add_routes(faults.routes())
    app.add_routes(system.routes())
    runner = web.AppRunner(app, access_log=None)
    publisher = None
    try:
        await system.save(*issuer.found())
        publisher = loop.create_task(publish(issuer))
        listener = socket.create_server(args.listen, backlog=1024)
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=tls,
                           shutdown_timeout=SHUTDOWN_SECONDS).start()
        host, port = listener.getsockname()[:2]
        print(f"agency_sim/signing: seed {args.seed}", file=sys.stderr, flush=True)
        scheme = "https" if tls else "http"
        print(f"agency_sim/signing: ready on {scheme}://{host}:{port}", flush=True)
        await stop
    finally:
        if publisher is not None:
            publisher.cancel()
        await runner.cleanup()
        book.close()


def main():
    try:
        asyncio.run(serve(arguments()))
    except (journal.JournalError, hsm.TokenError, OSError) as error:
        sys.exit(f"agency_sim/signing: {error}")


if __name__ == "__main__":
    main()
