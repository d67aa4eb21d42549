"""Fault injection: which call fails, and how. Every choice comes from generators of the seed."""

import collections
import ctypes
import os
import random
import socket

GRPC = ("GetParcel", "ListParcels", "WatchParcels", "UploadSurvey", "Exchange", "Echo")
REST = ("rest_parcel", "rest_parcels", "rest_survey", "rest_photo")
KINDS = ("unavailable", "slow", "cut", "cancel", "wrong_status", "details", "huge_trailers", "hang")
# By chance all but the one that holds a call until its caller gives up.
BY_CHANCE = KINDS[:-1]
# A stream is cut or cancelled after so many messages at most.
LAST_MESSAGE = 20
MAX_TIMES = 100_000


class Fault:
    def __init__(self, kind, at):
        self.kind = kind
        self.at = at


class Faults:
    def __init__(self, percent, seed):
        self.seed = seed
        self.percent = {method: percent for method in GRPC + REST}
        self.kinds = {method: BY_CHANCE for method in GRPC + REST}
        self.injected = collections.Counter()
        self._scripts = {method: collections.deque() for method in GRPC + REST}
        self._chance = {method: random.Random(f"{seed}/faults/{method}") for method in GRPC + REST}

    def take(self, method):
        """The fault of this call, or None."""
        chance = self._chance[method]
        # Drawn for every call, so that a scripted fault does not shift what the seed gives later.
        unlucky = chance.random() * 100 < self.percent[method]
        kind, at = chance.choice(self.kinds[method]), 1 + chance.randrange(LAST_MESSAGE)
        scripts = self._scripts[method]
        if scripts:
            kind = scripts[0]["kind"]
            scripts[0]["times"] -= 1
            if scripts[0]["times"] == 0:
                scripts.popleft()
        elif not unlucky:
            return None
        self.injected[f"{method}/{kind}"] += 1
        return Fault(kind, at)

    def change(self, order):
        """Applies {"method", "percent", "kinds"?} or {"method", "kind", "times"}; without "method" it
        is for all. ValueError tells the mistake."""
        if not isinstance(order, dict):
            raise ValueError("the body must be a JSON object")
        method = order.get("method", "*")
        if method != "*" and method not in GRPC + REST:
            raise ValueError(f"method must be one of {', '.join(GRPC + REST)}")
        methods = GRPC + REST if method == "*" else (method,)
        names = set(order) - {"method"}
        if names in ({"percent"}, {"percent", "kinds"}):
            self._by_chance(methods, order["percent"], order.get("kinds", BY_CHANCE))
        elif names == {"kind", "times"}:
            self._by_script(methods, order["kind"], order["times"])
        else:
            raise ValueError('give {"method", "percent", "kinds"} or {"method", "kind", "times"}')

    def _by_chance(self, methods, percent, kinds):
        if type(percent) not in (int, float) or not 0 <= percent <= 100:
            raise ValueError("percent must be a number from 0 to 100")
        if not isinstance(kinds, (list, tuple)) or not kinds or not all(kind in KINDS for kind in kinds):
            raise ValueError(f"kinds must be of {', '.join(KINDS)}")
        for method in methods:
            self.percent[method], self.kinds[method] = percent, tuple(kinds)

    def _by_script(self, methods, kind, times):
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if type(times) is not int or not 1 <= times <= MAX_TIMES:
            raise ValueError(f"times must be a whole number from 1 to {MAX_TIMES}")
        for method in methods:
            self._scripts[method].append({"kind": kind, "times": times})

    def describe(self):
        return {"seed": self.seed, "percent": self.percent, "kinds": list(KINDS),
                "scripted": [{"method": method, **script} for method, scripts in self._scripts.items()
                             for script in scripts],
                "injected": dict(self.injected)}


def reset(connection):
    """Resets a TCP connection at once, whoever else holds the descriptor.

    connect() to AF_UNSPEC does it on Linux; closing would wait for the other holders.
    """
    nowhere = ctypes.create_string_buffer(16)  # a sockaddr whose family is AF_UNSPEC, 0
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(connection.fileno(), nowhere, 16) != 0:
        raise OSError(ctypes.get_errno(), "cannot reset the connection")


def reset_peer(host, port):
    """Resets this process's connection with that peer. gRPC hides its sockets, so they are looked up
    among the open descriptors."""
    for name in os.listdir("/proc/self/fd"):
        try:
            copy = os.dup(int(name))
        except OSError:
            continue  # closed since
        try:
            connection = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)  # no socket
            continue
        with connection:
            if connection.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            try:
                name = connection.getpeername()
                # gRPC listens with IPv6 sockets, which show callers by IPv4 so.
                found = (name[0].removeprefix("::ffff:"), name[1]) == (host, port)
            except OSError:
                continue  # a listener
            if found:
                reset(connection)
                return
    raise OSError(f"no connection with {host}:{port} is found")
