"""How a call ended, and what it counts as."""

import dataclasses
import hashlib

# The answer is a clear no of the gateway or the provider; everything else unexpected is a failure.
REFUSALS = {"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED", "UNAUTHENTICATED",
            "400", "401", "403", "404", "405", "409", "411", "413", "415", "429", "431"}
SUCCESSES = {"OK", "200"}
# The provider says so only of what it does not have.
UNKNOWN_REASONS = {"PARCEL_UNKNOWN", "COMMUNE_UNKNOWN"}


class Wrong(Exception):
    """An answer is not what the provider must have said."""


def check(condition, what):
    if not condition:
        raise Wrong(what)


class Traffic:
    """Bytes of one direction as they cross the wire, with their digest."""

    def __init__(self):
        self.messages = self.bytes = 0
        self._digest = hashlib.sha256()

    def message(self, data):
        """A gRPC message, with its prefix."""
        self.raw(b"\0" + len(data).to_bytes(4, "big"))
        self.raw(data)
        self.messages += 1
        return data

    def raw(self, data):
        self.bytes += len(data)
        self._digest.update(data)
        return data

    def describe(self, name):
        return {f"{name}_messages": self.messages, f"{name}_bytes": self.bytes,
                f"{name}_sha256": self._digest.hexdigest()}


@dataclasses.dataclass
class Result:
    request: Traffic = dataclasses.field(default_factory=Traffic)
    answer: Traffic = dataclasses.field(default_factory=Traffic)
    code: str = "UNKNOWN"
    reason: str = ""
    message: str = ""
    exchange_id: str = ""
    receipt: str = ""
    wrong: str = ""

    def judge(self, step):
        """ok, refused, failed or wrong."""
        expected = step.expected()
        if self.wrong:
            return "wrong"
        if self.code == expected:
            return "ok"
        if self.code in SUCCESSES:
            self.wrong = f"ended with {self.code}, not {expected}"
            return "wrong"
        if self.reason in UNKNOWN_REASONS:
            self.wrong = f"{self.reason} of what the provider has"
            return "wrong"
        return "refused" if self.code in REFUSALS else "failed"
