"""Simulator of an agency that offers a data-sharing service: a land register, in gRPC and in REST.
Run by path: /usr/bin/python3 tools/agency_sim/provider --help"""

import sys

sys.dont_write_bytecode = True  # nothing is made in the source tree

# pylint: disable=wrong-import-position
import argparse
import asyncio
import secrets
import signal
import socket
import ssl
import subprocess

import grpc
import grpc.aio
from aiohttp import web

import faults
import land
import parcels
import records
import rest
import stubs

SHUTDOWN_SECONDS = 2  # for answers under way at SIGTERM
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_METADATA_BYTES = 64 * 1024


def arguments():
    parser = argparse.ArgumentParser(prog="agency_sim/provider")
    parser.add_argument("--grpc", required=True, metavar="HOST:PORT", type=address)
    parser.add_argument("--rest", required=True, metavar="HOST:PORT", type=address)
    parser.add_argument("--data", required=True, metavar="DIR", help="journal.jsonl, stubs/")
    parser.add_argument("--cert", metavar="FILE", help="PEM certificate; without it no TLS")
    parser.add_argument("--key", metavar="FILE", help="PEM key of --cert")
    parser.add_argument("--authority", metavar="FILE", help="clients need a certificate of it")
    parser.add_argument("--faults", metavar="PERCENT", type=between(0, 100), default=0.0)
    parser.add_argument("--seed", metavar="N", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--delay-seconds", metavar="N", type=between(0, 3600), default=3.0,
                        help="how long the fault `slow` holds an answer")
    args = parser.parse_args()
    if len({args.cert is None, args.key is None, args.authority is None}) != 1:
        parser.error("--cert, --key and --authority go together")
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


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def tls_context(args):
    if args.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(args.cert, args.key)
    context.load_verify_locations(args.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def grpc_server(args, service):
    """The server and the port it listens on."""
    server = grpc.aio.server(options=(
        ("grpc.so_reuseport", 0), ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)))
    server.add_generic_rpc_handlers((service.handler(),))
    place = f"{args.grpc[0]}:{args.grpc[1]}"
    if args.cert is None:
        return server, server.add_insecure_port(place)
    pair = (contents(args.key), contents(args.cert))
    return server, server.add_secure_port(place, grpc.ssl_server_credentials(
        [pair], contents(args.authority), require_client_auth=True))


async def serve(args):
    tls = tls_context(args)
    book = records.Journal(args.data)
    messages = stubs.Messages(args.data)
    register = land.Land(args.seed)
    plan = faults.Faults(args.faults, args.seed)

    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stop.done() or stop.set_result(None))

    server, grpc_port = grpc_server(
        args, parcels.Parcels(register, messages, book, plan, args.delay_seconds))
    if grpc_port == 0:
        raise OSError(f"cannot listen on {args.grpc[0]}:{args.grpc[1]}")
    app = web.Application()
    app.add_routes(rest.Rest(register, book, plan, args.delay_seconds).routes())
    runner = web.AppRunner(app, access_log=None)
    try:
        listener = socket.create_server(args.rest, backlog=1024)
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=tls, shutdown_timeout=SHUTDOWN_SECONDS).start()
        await server.start()
        rest_port = listener.getsockname()[1]
        print(f"agency_sim/provider: seed {args.seed}", file=sys.stderr, flush=True)
        print(f"agency_sim/provider: ready on {'grpcs' if tls else 'grpc'}://{args.grpc[0]}:{grpc_port} "
              f"{'https' if tls else 'http'}://{args.rest[0]}:{rest_port}", flush=True)
        await stop
    finally:
        await server.stop(SHUTDOWN_SECONDS)
        await runner.cleanup()
        book.close()


def main():
    try:
        asyncio.run(serve(arguments()))
    except (records.JournalError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"agency_sim/provider: {error}")


if __name__ == "__main__":
    main()
