#!/usr/bin/python3
"""Clients that mean harm, or are broken: the gateway's memory stays bounded and everybody else is served."""

import contextlib
import random
import socket
import struct
import threading
import time
import unittest

import grpc
import h2.settings

import foreign_client
import h2_client
import platform_process
from foreign_client import channel, dossiers_grpc, metric, pb, submission
from platform_process import chance, wait_until

DOSSIERS = "lgsp.dossiers.v1.Dossiers"
LIST = f"/{DOSSIERS}/ListDossiers"
SUBMIT = f"/{DOSSIERS}/SubmitDossier"

# A sanitizer makes everything slower and larger.
SANITIZER_FACTOR = 4 if platform_process.SANITIZED else 1
# What the gateway may hold at any time, whatever clients do here. Without bounds it would be above 1 GB.
RSS_LIMIT_MEGABYTES = 256 * SANITIZER_FACTOR
# An ordinary call beside an attack ends within this.
ORDINARY_SECONDS = 10 * SANITIZER_FACTOR
# Calls that ordinary clients must have made during an attack, and after it.
ORDINARY_CALLS = 20
# The gateway's own limits for a handshake and a header block are 10 s.
CLOSE_SECONDS = 30
WAIT_SECONDS = 60 * SANITIZER_FACTOR

FRAME_DATA, FRAME_HEADERS, FRAME_RST, FRAME_SETTINGS, FRAME_PUSH, FRAME_PING = 0, 1, 3, 4, 5, 6
FRAME_GOAWAY, FRAME_WINDOW, FRAME_CONTINUATION = 7, 8, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def hpack_integer(value, prefix_bits=7):
    largest = (1 << prefix_bits) - 1
    if value < largest:
        return bytes([value])
    out, value = bytearray([largest]), value - largest
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def literal(name, value, kept=False):
    """A header field as it is, without Huffman's code; `kept`: it enters the table, as number 62."""
    return (b"\x40" if kept else b"\0") + hpack_integer(len(name)) + name + hpack_integer(len(value)) + value


class OrdinaryCalls:
    """A client that calls again and again; every call must be answered in time."""

    def __init__(self, platform):
        self.channel = channel(platform, "demo-neighbour")
        self.stub = dossiers_grpc.DossiersStub(self.channel)
        self.stop = threading.Event()
        self.answered = 0
        self.failures = []
        self.slowest = 0.0
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.channel.close()

    def run(self):
        while not self.stop.wait(0.01):
            begun = time.monotonic()
            try:
                self.stub.ListDossiers(pb.ListDossiersRequest(page_size=1), timeout=ORDINARY_SECONDS)
                self.answered += 1
            except grpc.RpcError as error:
                self.failures.append(f"{error.code()} {error.details()}")
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def more(self, count=ORDINARY_CALLS):
        """Waits for `count` more answers, and no failure."""
        wanted = self.answered + count
        wait_until(lambda: self.answered >= wanted or self.failures, WAIT_SECONDS, f"{count} more ordinary calls")
        if self.failures:
            raise AssertionError(f"ordinary calls failed: {self.failures[:5]}")


class HostileTest(platform_process.PlatformTest):
    def setUp(self):
        self.gateway = self.platform.pids()["gateway"]
        self.open = contextlib.ExitStack()
        self.addCleanup(self.open.close)

    @contextlib.contextmanager
    def attack(self):
        """During what is inside: ordinary calls. After it: the same process, and its memory."""
        with OrdinaryCalls(self.platform) as ordinary:
            ordinary.more()
            yield ordinary
            ordinary.more()
            self.check_memory()
            self.open.close()
            ordinary.more()
        self.check_memory()
        self.assertEqual(self.platform.pids()["gateway"], self.gateway, "the gateway was restarted")
        print(f"{self.id()}: {ordinary.answered} ordinary calls, slowest {ordinary.slowest:.2f} s, "
              f"gateway {self.platform.rss_megabytes('gateway'):.0f} MB", flush=True)

    def check_memory(self):
        self.assertLess(self.platform.rss_megabytes("gateway"), RSS_LIMIT_MEGABYTES)

    def connect(self, settings=None):
        return self.open.enter_context(h2_client.Connection(self.platform, "demo-commune", settings))

    def raw(self):
        """A TLS connection on which only the preface and empty settings were sent."""
        connection = self.open.enter_context(h2_client.tls_socket(self.platform, "demo-commune"))
        connection.sendall(h2_client.PREFACE + frame(FRAME_SETTINGS, 0, 0))
        return connection

    def head_block(self, path=LIST, headers=()):
        """An encoded head, as the first of its connection."""
        connection = h2.connection.H2Connection()
        return connection.encoder.encode(h2_client.head(path, headers))


class SlowReaderTest(HostileTest):
    CONNECTIONS, STREAMS = 6 * SANITIZER_FACTOR, 200
    PAGE = 200

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with channel(cls.platform, "demo-commune") as opened:
            stub = dossiers_grpc.DossiersStub(opened)
            filed = [stub.SubmitDossier.future(submission(subject="ộ" * 1000), timeout=60) for _ in range(cls.PAGE)]
            for future in filed:
                future.result()
            page = stub.ListDossiers(pb.ListDossiersRequest(page_size=cls.PAGE), timeout=60)
            cls.answer_bytes = page.ByteSize()

    def ask_and_never_read(self, ordinary, settings):
        listed = self.listed()
        # More than the bound is asked for, so a gateway that gathered answers would break it.
        self.assertGreater(self.CONNECTIONS * self.STREAMS * self.answer_bytes, 2 * RSS_LIMIT_MEGABYTES << 20)
        for _ in range(self.CONNECTIONS):
            connection = self.connect(settings)
            connection.read()
            for _ in range(self.STREAMS):
                connection.message(connection.call(LIST), pb.ListDossiersRequest(page_size=self.PAGE))
        # Only now the attack has its full strength.
        wait_until(lambda: self.listed() >= listed + self.CONNECTIONS * self.STREAMS or ordinary.failures,
                   WAIT_SECONDS, "every call of the attack is in the service")

    def listed(self):
        return metric(self.platform, "grpc_server_started_total", "dossiers", grpc_method="ListDossiers")

    def test_window_of_zero(self):
        with self.attack() as ordinary:
            self.ask_and_never_read(ordinary, {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
            ordinary.more(5 * ORDINARY_CALLS)

    def test_never_reads(self):
        with self.attack() as ordinary:
            self.ask_and_never_read(ordinary, {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: (1 << 31) - 1})
            ordinary.more(5 * ORDINARY_CALLS)


class BrokenFramesTest(HostileTest):
    IDLE = 500

    def test_large_headers(self):
        with self.attack():
            for size in (100_000, 1_000_000):
                connection = self.raw()
                block = self.head_block() + literal(b"x-large", b"a" * size)
                frames = [block[at:at + 16_000] for at in range(0, len(block), 16_000)]
                data = frame(FRAME_HEADERS, END_STREAM, 1, frames[0])
                data += b"".join(frame(FRAME_CONTINUATION, 0, 1, part) for part in frames[1:-1])
                data += frame(FRAME_CONTINUATION, END_HEADERS, 1, frames[-1])
                with contextlib.suppress(OSError):
                    connection.sendall(data)
                self.assertTrue(self.refused_or_closed(connection), size)

    def refused_or_closed(self, connection):
        """Whether the peer answers stream 1 with a reset or an end, or ends the connection."""
        received = b""
        connection.settimeout(CLOSE_SECONDS)
        while True:
            try:
                data = connection.recv(h2_client.READ_BYTES)
            except TimeoutError:
                return False
            except OSError:
                return True
            if not data:
                return True
            received += data
            at = 0
            while at + 9 <= len(received):
                length = int.from_bytes(received[at:at + 3], "big")
                kind, flags, stream = struct.unpack(">BBI", received[at + 3:at + 9])
                if kind == FRAME_GOAWAY or stream == 1 and (
                        kind == FRAME_RST or kind in (FRAME_HEADERS, FRAME_DATA) and flags & END_STREAM):
                    return True
                at += 9 + length

    def test_headers_above_the_limit_have_a_reason(self):
        connection = self.connect()
        stream = connection.call(LIST, headers=[("x-large", "a" * 40_000)])
        connection.message(stream, pb.ListDossiersRequest())
        refused = connection.refusal(stream)
        self.assertEqual((refused.code, refused.reason), (grpc.StatusCode.RESOURCE_EXHAUSTED, "HEADERS_TOO_LARGE"))

    def test_endless_continuations(self):
        with self.attack():
            connection = self.raw()
            connection.sendall(frame(FRAME_HEADERS, END_STREAM, 1, self.head_block()))
            connection.settimeout(WAIT_SECONDS)
            with contextlib.suppress(OSError):
                for _ in range(20_000):
                    connection.sendall(frame(FRAME_CONTINUATION, 0, 1, b"\0\1a\1b" * 100))
            self.assertTrue(self.refused_or_closed(connection))

    def test_bombs_of_indexed_fields(self):
        """A block of a few bytes that stands for megabytes: one large field in the table, named again and again."""
        with self.attack():
            for _ in range(20):
                connection = self.raw()
                block = self.head_block() + literal(b"a", b"v" * 4000, kept=True) + b"\xbe" * 12_000
                with contextlib.suppress(OSError):
                    connection.sendall(frame(FRAME_HEADERS, END_STREAM | END_HEADERS, 1, block))
                self.assertTrue(self.refused_or_closed(connection))

    def test_frames_that_no_peer_may_send(self):
        block = self.head_block()
        rows = {
            "data on stream 0": frame(FRAME_DATA, 0, 0, b"x"),
            "headers on stream 0": frame(FRAME_HEADERS, END_HEADERS, 0, block),
            "an even stream": frame(FRAME_HEADERS, END_HEADERS | END_STREAM, 2, block),
            "data on a stream never opened": frame(FRAME_DATA, 0, 7, b"x"),
            "settings of a wrong size": frame(FRAME_SETTINGS, 0, 0, b"12345"),
            "settings with an impossible window": frame(FRAME_SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)),
            "a ping of a wrong size": frame(FRAME_PING, 0, 0, b"123"),
            "a push by a client": frame(FRAME_PUSH, END_HEADERS, 1, struct.pack(">I", 2) + block),
            "a window update of 0": frame(FRAME_WINDOW, 0, 0, struct.pack(">I", 0)),
            "a window beyond its end": frame(FRAME_WINDOW, 0, 0, struct.pack(">I", (1 << 31) - 1)),
            "a frame larger than agreed": frame(FRAME_DATA, 0, 1, b"x" * 20_000),
            "a continuation of nothing": frame(FRAME_CONTINUATION, END_HEADERS, 1, block),
            "another frame among continuations": frame(FRAME_HEADERS, 0, 1, block) + frame(FRAME_PING, 0, 0, b"x" * 8),
            "an index outside the table": frame(FRAME_HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\x0f"),
            "padding longer than the frame": frame(FRAME_DATA, 8, 1, b"\xff"),
        }
        with self.attack():
            for name, data in rows.items():
                with self.subTest(name):
                    connection = self.raw()
                    with contextlib.suppress(OSError):
                        connection.sendall(data)
                    self.assertTrue(h2_client.wait_closed(connection, CLOSE_SECONDS))

    def test_garbage(self):
        noise = random.Random(chance.randrange(2**32))
        with self.attack():
            for _ in range(100):
                preface = noise.choice((b"", h2_client.PREFACE, h2_client.PREFACE + frame(FRAME_SETTINGS, 0, 0)))
                connection = self.open.enter_context(h2_client.tls_socket(self.platform, "demo-commune"))
                with contextlib.suppress(OSError):
                    connection.sendall(preface + noise.randbytes(noise.randrange(1, 20_000)))
            for _ in range(100):
                connection = self.plain()
                with contextlib.suppress(OSError):
                    connection.sendall(noise.randbytes(noise.randrange(1, 2_000)))

    def plain(self):
        host, port = self.platform.gateway.split(":")
        return self.open.enter_context(socket.create_connection((host, int(port)), timeout=WAIT_SECONDS))

    def test_half_open_connections_are_ended(self):
        with self.attack():
            silent = [self.plain() for _ in range(100)]
            handshake = [self.plain() for _ in range(20)]
            for connection in handshake:
                connection.sendall(b"\x16\x03\x01\x02\x00\x01")
            for connection in silent + handshake:
                self.assertTrue(h2_client.wait_closed(connection, CLOSE_SECONDS))

    def test_slow_headers_are_ended(self):
        with self.attack() as ordinary:
            # A head that announces more than ever comes: in one frame, and in many.
            block = self.head_block()
            long_field = literal(b"x", b"a" * 10_000)
            one_frame = frame(FRAME_HEADERS, END_STREAM | END_HEADERS, 1, block + long_field)[:-len(b"a" * 9_990)]
            slow = {self.raw(): (one_frame, b"a") for _ in range(20)}
            slow |= {self.raw(): (frame(FRAME_HEADERS, END_STREAM, 1, block),
                                  frame(FRAME_CONTINUATION, 0, 1, literal(b"a", b"b"))) for _ in range(20)}
            for connection, (begin, _) in slow.items():
                connection.sendall(begin)
            # A little more now and then does not prolong it.
            deadline = time.monotonic() + CLOSE_SECONDS
            while slow and time.monotonic() < deadline:
                ordinary.more()
                for connection, (_, more) in list(slow.items()):
                    if self.ended_after(connection, more):
                        del slow[connection]
            self.assertFalse(slow)

    def ended_after(self, connection, data):
        """Sends a little more; whether the peer has closed."""
        try:
            connection.sendall(data)
        except OSError:
            return True
        return h2_client.wait_closed(connection, 0.001)

    def test_many_idle_connections(self):
        with self.attack() as ordinary:
            for _ in range(self.IDLE):
                self.open.enter_context(h2_client.tls_socket(self.platform, "demo-unregistered"))
            ordinary.more()


class FloodTest(HostileTest):
    def test_streams_opened_and_reset(self):
        with self.attack():
            for _ in range(4):
                connection = self.connect()
                with contextlib.suppress(OSError):
                    for _ in range(10_000):
                        stream = connection.h2.get_next_available_stream_id()
                        connection.h2.send_headers(stream, h2_client.head(LIST))
                        connection.h2.reset_stream(stream)
                        if stream % 200 == 1:
                            connection.flush()
                            connection.read(0)
                        if connection.closed:
                            break
                    connection.flush()

    def test_more_streams_than_agreed(self):
        with self.attack() as ordinary:
            connection = self.raw()
            encoder = h2.connection.H2Connection().encoder
            for number in range(5000):
                head = frame(FRAME_HEADERS, END_HEADERS, 2 * number + 1, encoder.encode(h2_client.head(SUBMIT)))
                with contextlib.suppress(OSError):
                    connection.sendall(head)
            ordinary.more()
            wait_until(lambda: metric(self.platform, "gateway_inflight") < 1000, WAIT_SECONDS,
                       "streams above the limit are not kept")

    def test_refusals_that_are_not_read(self):
        """Each stream above the limit is answered with a reset, which waits for a reader."""
        with self.attack():
            connection = self.raw()
            connection.settimeout(2)
            encoder = h2.connection.H2Connection().encoder
            with contextlib.suppress(OSError):
                for begin in range(0, 1_000_000, 1000):
                    heads = (frame(FRAME_HEADERS, END_HEADERS, 2 * number + 1, encoder.encode(h2_client.head(SUBMIT)))
                             for number in range(begin, begin + 1000))
                    connection.sendall(b"".join(heads))

    def test_questions_whose_answers_are_not_read(self):
        """Every ping and every settings frame wants an answer; nobody takes them."""
        for name, question in (("ping", frame(FRAME_PING, 0, 0, b"12345678")),
                               ("settings", frame(FRAME_SETTINGS, 0, 0, struct.pack(">HI", 3, 100)))):
            with self.subTest(name), self.attack():
                connection = self.raw()
                connection.settimeout(2)
                with contextlib.suppress(OSError):
                    for _ in range(200):
                        connection.sendall(question * 1000)

    def test_uploads_that_stall(self):
        with self.attack():
            connection = self.connect()
            streams = [connection.call(SUBMIT, headers=[("grpc-timeout", "2S")]) for _ in range(50)]
            for stream in streams:
                connection.data(stream, b"\0\0\0\1\0" + b"x" * 100)
            for stream in streams:
                # Of the gateway or of the service, whose clock is as good.
                self.assertEqual(connection.refusal(stream).code, grpc.StatusCode.DEADLINE_EXCEEDED)


if __name__ == "__main__":
    platform_process.main()
