"""What a consumer calls: steps of a plan as read from a file, or a mix drawn from the seed."""

import dataclasses
import json
import random

GRPC = ("get", "get_unknown", "list", "watch", "upload", "exchange", "echo")
REST = ("rest_get", "rest_get_unknown", "rest_list", "rest_survey", "rest_photo")
LARGE = ("echo", "rest_survey", "rest_photo")
# Kind of call -> how often in a mix of 1,000; the heavy ones are also there at least once.
MIX = {
    "get": 300, "get_unknown": 40, "list": 150, "rest_get": 200, "rest_get_unknown": 30, "rest_list": 150,
    "watch": 15, "upload": 15, "exchange": 15, "echo": 5, "rest_survey": 5, "rest_photo": 5,
    "watch cancel": 15, "upload cancel": 10, "exchange cancel": 10, "echo cancel": 5,
    "rest_survey cancel": 5, "rest_photo cancel": 5, "watch deadline": 10, "exchange deadline": 10,
}
DEADLINE_SECONDS = 0.5
DEADLINE_PAUSE_MILLISECONDS = 20


class PlanError(Exception):
    """The plan cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One call; a step of a file is done `times` times."""
    call: str
    times: int = 1
    messages: int = 100
    message_bytes: int = 100
    bytes: int = 1_000_000
    chunked: bool = False
    # The consumer cancels after so many messages received or sent, or in bodies of REST after so many
    # bytes; 0: not at all.
    cancel_after: int = 0
    # Of the call; 0: the consumer's own, which is never meant to be reached.
    deadline_seconds: float = 0.0
    # Between two messages of `watch` (the provider's) and `exchange` (the consumer's).
    pause_milliseconds: int = 0
    # How the call must end: a gRPC status, an HTTP status, CANCELLED; "": as the call does by itself.
    expect: str = ""

    def expected(self):
        if self.expect:
            return self.expect
        if self.cancel_after:
            return "CANCELLED"
        if self.call in REST:
            return "404" if self.call == "rest_get_unknown" else "200"
        return "NOT_FOUND" if self.call == "get_unknown" else "OK"


def read(path):
    """The steps of a file: a JSON list of objects with the fields of Step."""
    try:
        with open(path, encoding="utf-8") as file:
            steps = [Step(**row) for row in json.load(file)]
    except (OSError, ValueError, TypeError) as error:
        raise PlanError(f"{path}: {error}") from error
    for step in steps:
        if step.call not in GRPC + REST:
            raise PlanError(f"{path}: {step.call!r} is none of {', '.join(GRPC + REST)}")
    return [step for step in steps for _ in range(step.times)]


def mix(calls, seed, messages, size):
    """`calls` steps; streams have `messages` messages, large bodies `size` bytes."""
    chance = random.Random(f"{seed}/mix")
    kinds = list(MIX)[:calls] + chance.choices(list(MIX), list(MIX.values()), k=max(0, calls - len(MIX)))
    chance.shuffle(kinds)
    return [make(kind, chance, messages, size) for kind in kinds]


def make(kind, chance, messages, size):
    call, _, how = kind.partition(" ")
    step = Step(call, messages=messages, bytes=size, chunked=chance.random() < 0.5)
    if how == "cancel":
        whole = step.bytes if call in LARGE else step.messages
        after = 1 + chance.randrange(max(1, whole // 2))
        if call == "echo":
            after = 1  # counted in messages
        return dataclasses.replace(step, cancel_after=after)
    if how == "deadline":
        return dataclasses.replace(
            step, messages=max(messages, 200), deadline_seconds=DEADLINE_SECONDS,
            pause_milliseconds=DEADLINE_PAUSE_MILLISECONDS, expect="DEADLINE_EXCEEDED")
    return step
