"""Simulator of an agency's system that calls the land register, directly or through the gateway.
Run by path: /usr/bin/python3 tools/agency_sim/consumer --help"""

import os
import sys

sys.dont_write_bytecode = True  # nothing is made in the source tree
# The data, the contract and the journal are the provider's: who has the seed knows every answer.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "provider"))

# pylint: disable=wrong-import-position
import argparse
import asyncio
import collections
import random
import secrets
import signal
import ssl
import subprocess
import time

import grpc

import grpc_calls
import land
import plan
import records
import rest_calls
import result
import stubs

# After a failure, so that a gateway that is away does not use up all the calls.
PAUSE_AFTER_FAILURE_SECONDS = 0.05
MAX_WRONG_PRINTED = 20


def arguments():
    parser = argparse.ArgumentParser(prog="agency_sim/consumer")
    parser.add_argument("--gateway", required=True, metavar="HOST:PORT", help="where gRPC is called")
    parser.add_argument("--rest", metavar="HOST:PORT", help="where REST is called (as --gateway)")
    parser.add_argument("--rest-prefix", default="", metavar="PATH", help="before the provider's paths, /r1/…")
    parser.add_argument("--data", required=True, metavar="DIR", help="journal.jsonl, stubs/")
    parser.add_argument("--certificate", metavar="FILE", help="PEM, of the system; without it no TLS")
    parser.add_argument("--key", metavar="FILE", help="PEM key of --certificate")
    parser.add_argument("--authority", metavar="FILE", help="PEM, who certifies the gateway")
    parser.add_argument("--token", metavar="FILE", help="sent as the Bearer token")
    parser.add_argument("--header", action="append", default=[], metavar="NAME=VALUE", type=header,
                        help="sent with every call, lgsp-purpose and the like")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--plan", metavar="FILE", help="JSON list of steps")
    what.add_argument("--calls", metavar="N", type=int, help="a mix of so many calls")
    parser.add_argument("--only", choices=("grpc", "rest"), help="leave the other protocol out")
    parser.add_argument("--messages", metavar="N", type=int, default=10_000, help="of a stream in a mix")
    parser.add_argument("--bytes", metavar="N", type=int, default=100_000_000, help="of a body in a mix")
    parser.add_argument("--concurrency", metavar="N", type=int, default=8)
    parser.add_argument("--deadline-seconds", metavar="N", type=float, default=120.0)
    parser.add_argument("--seed", metavar="N", type=int, default=secrets.randbelow(2**32),
                        help="the provider's")
    args = parser.parse_args()
    if len({args.certificate is None, args.key is None, args.authority is None}) != 1:
        parser.error("--certificate, --key and --authority go together")
    return args


def header(text):
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name.lower(), value


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def credentials(args):
    """For gRPC and for REST; None, None without TLS."""
    if args.certificate is None:
        return None, None
    context = ssl.create_default_context(cafile=args.authority)
    context.load_cert_chain(args.certificate, args.key)
    return grpc.ssl_channel_credentials(*map(contents, (args.authority, args.key, args.certificate))), context


def chosen(args):
    steps = plan.read(args.plan) if args.plan else plan.mix(args.calls, args.seed, args.messages, args.bytes)
    leave_out = {"grpc": plan.REST, "rest": plan.GRPC, None: ()}[args.only]
    return [step for step in steps if step.call not in leave_out]


class Consumer:
    def __init__(self, args, book):
        self.book = book
        self.seed = args.seed
        self.steps = list(enumerate(chosen(args), start=1))
        self.steps.reverse()  # taken from the end
        self.counts = collections.Counter()
        self.stopped = False
        headers = list(args.header)
        if args.token:
            headers.append(("authorization", f"Bearer {contents(args.token).decode().strip()}"))
        register, (channel, tls) = land.Land(args.seed), credentials(args)
        messages = stubs.Messages(args.data)
        self.grpc = grpc_calls.Grpc(args.gateway, channel, register, messages, tuple(headers),
                                    args.deadline_seconds)
        self.rest = rest_calls.Rest(args.rest or args.gateway, tls, args.rest_prefix, register, headers,
                                    args.deadline_seconds, args.concurrency)

    async def run(self, concurrency):
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(self._work())
        finally:
            await self.grpc.close()
            await self.rest.close()

    async def _work(self):
        while self.steps and not self.stopped:
            number, step = self.steps.pop()
            chance = random.Random(f"{self.seed}/call/{number}")
            end, begin = result.Result(), time.monotonic()
            client = self.rest if step.call in plan.REST else self.grpc
            await client.call(step, chance, end)
            self._record(number, step, end, time.monotonic() - begin)
            if end.judge(step) == "failed":
                await asyncio.sleep(PAUSE_AFTER_FAILURE_SECONDS)

    def _record(self, number, step, end, seconds):
        verdict = end.judge(step)
        self.counts[verdict] += 1
        self.book.append(
            record="call", call=number, kind=step.call, expected=step.expected(), result=verdict,
            exchange_id=end.exchange_id, receipt=end.receipt, code=end.code, reason=end.reason,
            message=end.message, wrong=end.wrong, **end.request.describe("request"),
            **end.answer.describe("answer"), seconds=round(seconds, 6))
        if verdict == "wrong" and self.counts["wrong"] <= MAX_WRONG_PRINTED:
            print(f"agency_sim/consumer: call {number}, {step.call}, exchange {end.exchange_id!r}: "
                  f"{end.wrong}", file=sys.stderr)

    def summary(self):
        return f"consumer: {sum(self.counts.values())} calls, " + ", ".join(
            f"{self.counts[verdict]} {verdict}" for verdict in ("ok", "refused", "failed", "wrong"))


async def call_all(args):
    book = records.Journal(args.data)
    try:
        consumer = Consumer(args, book)

        def stop():
            consumer.stopped = True  # what is under way ends by itself
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        print(f"agency_sim/consumer: seed {args.seed}", file=sys.stderr, flush=True)
        await consumer.run(args.concurrency)
    finally:
        book.close()
    print(consumer.summary(), flush=True)
    return 1 if consumer.counts["wrong"] else 0


def main():
    try:
        sys.exit(asyncio.run(call_all(arguments())))
    except (records.JournalError, plan.PlanError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"agency_sim/consumer: {error}")


if __name__ == "__main__":
    main()
