#!/usr/bin/python3
"""The same as hostile_test.py in HTTP/1.1: heads and bodies that never end, answers that nobody reads, requests in requests."""

import contextlib
import re
import threading
import time
import unittest

import h2_client
import hostile_test
from hostile_test import CLOSE_SECONDS

# Of no service that is there: what a caller may send before it is told so.
PATH = "/r1/VN/GOV/CAMAU/NONE/none"
HEAD = f"GET {PATH} HTTP/1.1\r\nhost: gateway\r\n"
PIPELINED = 20_000
# More than the gateway reads of what it does not want, and what is on the way to it.
ENDLESS_BYTES = 64 << 20
PIECE = b"x" * (1 << 20)
READ_BYTES = 1 << 16


class Http1Test(hostile_test.HostileTest):
    def speak(self):
        """A TLS connection of HTTP/1.1 on which nothing was sent."""
        return self.open.enter_context(h2_client.tls_socket(self.platform, "demo-commune", alpn="http/1.1"))

    def answers(self, connection):
        """All that the gateway says until it closes."""
        connection.settimeout(CLOSE_SECONDS)
        said = b""
        with contextlib.suppress(OSError):
            while received := connection.recv(READ_BYTES):
                said += received
        return said.decode("latin-1")

    def test_slow_heads_are_ended(self):
        with self.attack() as ordinary:
            slow = {self.speak() for _ in range(40)}
            for connection in slow:
                connection.sendall(HEAD.encode() + b"x-slow: ")
            deadline = time.monotonic() + CLOSE_SECONDS
            while slow and time.monotonic() < deadline:
                ordinary.more()
                slow = {connection for connection in slow if not self.ended_after(connection, b"a")}
            self.assertFalse(slow)

    def ended_after(self, connection, data):
        try:
            connection.sendall(data)
        except OSError:
            return True
        return h2_client.wait_closed(connection, 0.001)

    def endless(self, begin):
        """Sends it and PIECE again and again, until the gateway has had enough; how many bytes that took."""
        connection = self.speak()
        sent = 0
        with contextlib.suppress(OSError):
            connection.sendall(begin.encode())
            while sent < ENDLESS_BYTES:
                connection.sendall(PIECE)
                sent += len(PIECE)
        return sent

    def test_what_never_ends_is_ended(self):
        begins = {"path": f"GET {PATH}/", "field": HEAD + "x: ", "fields": HEAD, "line": "",
                  "chunk": f"POST {PATH} HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n\r\n5;a=",
                  # Refused when its head is there: its body is of no use to anybody.
                  "body": f"POST {PATH} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {4 * ENDLESS_BYTES}\r\n\r\n"}
        with self.attack():
            for name, begin in begins.items():
                with self.subTest(name):
                    self.assertLess(self.endless(begin), ENDLESS_BYTES)
                    self.check_memory()

    def test_requests_whose_answers_are_not_read(self):
        with self.attack():
            connections = [self.speak() for _ in range(4)]
            requests = (HEAD + "\r\n").encode() * PIPELINED
            writers = [threading.Thread(target=self.write_until_stuck, args=(connection, requests))
                       for connection in connections]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            self.check_memory()

    @staticmethod
    def write_until_stuck(connection, data):
        connection.settimeout(2)
        with contextlib.suppress(OSError):
            connection.sendall(data)

    def test_no_request_is_hidden_in_another(self):
        """Each is one that two servers may cut differently: it is refused, and nothing behind it is taken for a request."""
        hidden = f"GET {PATH}/hidden HTTP/1.1\r\nhost: gateway\r\n\r\n"
        chunks = "0\r\n\r\n" + hidden
        heads = {"length and chunks": f"content-length: {len(chunks)}\r\ntransfer-encoding: chunked\r\n\r\n" + chunks,
                 "two lengths": f"content-length: 0\r\ncontent-length: {len(hidden)}\r\n\r\n" + hidden,
                 "a list of lengths": f"content-length: 0, {len(hidden)}\r\n\r\n" + hidden,
                 "a signed length": "content-length: +0\r\n\r\n" + hidden,
                 "another encoding": "transfer-encoding: xchunked\r\n\r\n" + chunks,
                 "chunked not last": "transfer-encoding: chunked, identity\r\n\r\n" + chunks,
                 "twice chunked": "transfer-encoding: chunked, chunked\r\n\r\n" + chunks,
                 "space before the colon": f"content-length : {len(hidden)}\r\n\r\n" + hidden,
                 "a folded line": "x: a\r\n content-length: 0\r\n\r\n" + hidden,
                 "a NUL": "x: a\0b\r\n\r\n" + hidden,
                 "a bare CR": "x: a\rb: c\r\n\r\n" + hidden}
        for name, rest in heads.items():
            with self.subTest(name):
                connection = self.speak()
                connection.sendall((f"POST {PATH} HTTP/1.1\r\nhost: gateway\r\n" + rest).encode())
                said = self.answers(connection)
                self.assertEqual(re.findall(r"^HTTP/1.1 (\d+)", said, re.MULTILINE), ["400"], said)


if __name__ == "__main__":
    unittest.main()
