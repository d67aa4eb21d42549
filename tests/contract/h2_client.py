"""A client that speaks HTTP/2 frame by frame, for what no gRPC library would send."""

import base64
import select
import socket
import ssl
import time
import urllib.parse

import grpc
import h2.config
import h2.connection
import h2.events
import h2.settings

from foreign_client import CALL_SECONDS, Refusal

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
READ_BYTES = 1 << 16
CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcEnd:
    """The end of a call as grpcio's RpcError tells it."""

    def __init__(self, fields):
        self.fields = fields

    def code(self):
        return CODES[int(self.fields["grpc-status"])]

    def details(self):
        return urllib.parse.unquote(self.fields.get("grpc-message", ""))

    def trailing_metadata(self):
        text = self.fields.get("grpc-status-details-bin", "")
        return [("grpc-status-details-bin", base64.b64decode(text + "=" * (-len(text) % 4)))]


def tls_socket(platform, system, timeout=CALL_SECONDS, alpn="h2"):
    """A TLS connection to the gateway as `system`; nothing of HTTP has been said."""
    host, port = platform.gateway.split(":")
    context = ssl.create_default_context(cafile=platform.folder / "ca/authority.crt")
    names = (f"systems/{system}.{kind}" for kind in ("crt", "key"))
    context.load_cert_chain(*(platform.folder / name for name in names))
    context.set_alpn_protocols([alpn])
    plain = socket.create_connection((host, int(port)), timeout=timeout)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def head(path, headers=()):
    return [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "gateway"),
            ("content-type", "application/grpc"), ("te", "trailers"), *headers]


class Connection:
    """One connection with its calls."""

    def __init__(self, platform, system, settings=None):
        self.socket = tls_socket(platform, system)
        self.ended = set()
        self.fields = {}
        self.reset = {}
        self.closed = False
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=settings)
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def call(self, path, headers=(), end=False):
        """Sends the head of a call; its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, head(path, headers), end_stream=end)
        self.flush()
        return stream

    def data(self, stream, data, end=False):
        self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    def message(self, stream, message):
        """The one message of a unary call."""
        body = message.SerializeToString()
        self.data(stream, b"\0" + len(body).to_bytes(4, "big") + body, end=True)

    def read(self, seconds=CALL_SECONDS):
        """Takes in what comes next; False when nothing does, or the peer has closed."""
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(READ_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return False
        for event in self.h2.receive_data(data):
            self.handle(event)
        self.flush_quietly()
        return True

    def handle(self, event):
        if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
            self.fields.setdefault(event.stream_id, {}).update(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.ended.add(event.stream_id)
            self.reset[event.stream_id] = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.closed = True

    def flush_quietly(self):
        try:
            self.flush()
        except OSError:
            self.closed = True

    def wait_end(self, stream, seconds=CALL_SECONDS):
        """The header and trailer fields of a call that has ended."""
        deadline = time.monotonic() + seconds
        while stream not in self.ended:
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f"stream {stream} did not end: {self.fields.get(stream)}, closed {self.closed}")
        return self.fields.get(stream, {})

    def refusal(self, stream):
        return Refusal(GrpcEnd(self.wait_end(stream)))


def wait_closed(connection, seconds):
    """Whether the peer ends a socket within `seconds`; what it sends until then is read and dropped."""
    deadline = time.monotonic() + seconds
    connection.setblocking(False)
    while time.monotonic() < deadline:
        try:
            if not connection.recv(READ_BYTES):
                return True
        except (ssl.SSLWantReadError, BlockingIOError):
            select.select([connection], [], [], max(0, min(1, deadline - time.monotonic())))
        except OSError:
            return True
    return False
