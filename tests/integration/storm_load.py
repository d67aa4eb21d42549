"""Clients of several processes of dossiers that repeat a command until its answer is clear, and keep what they know.

What a client was told is kept in `Case`; storm_checks.py holds the database and the feeds against it.
"""

import random
import threading
import uuid

import grpc

from dossiers_process import feed_grpc, feed_pb
from foreign_client import CALL_SECONDS, Refusal, catalogue, commune_procedure, pb, submission, terms

CLIENTS = 16
SYSTEMS = 4
AGENCIES = ("H12.*",)
COMMUNES = tuple(f"H12.50.{number:02}" for number in range(1, 7))
DEPARTMENTS = ("H12.04", "H12.07")
# Nobody knows how these ended; the same request is sent again.
UNCLEAR = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
# Of these it is known: the process was dead before the request was sent.
UNSENT = "failed to connect to all addresses"
# Nothing was done, and the service says to try again.
REPEATABLE = {"REVISION_CONFLICT", "SERVER_OVERLOADED", "SQL_QUEUE_FULL", "SQL_QUEUE_TIMEOUT", "DEADLINE_PASSED"}
LOSING_REASONS = {"ETAG_STALE"}
# Of the commands; ABANDON_SHARE of those whose first answer is unclear.
DOUBLE_SHARE, RIVAL_SHARE, LATER_SHARE, ABANDON_SHARE = 0.25, 0.1, 0.1, 0.3
# Of the dossiers: those that have a code elsewhere, which no other may have.
FOREIGN_SHARE = 0.5
PAUSE_SECONDS = 0.02
MAX_FAILURES = 100


def department_procedure(agency):
    """A procedure that the department settles, filed at the counter, with one term that can be counted."""
    for row in catalogue():
        direct = [term for term in terms().get(row["code"], ()) if term["channel"] == "DIRECT"]
        if (row["scope"], row["level"], row["sector_agency"]) == ("HERE", "Tỉnh", agency) \
                and "DIRECT" in row["channels"].split("|") \
                and [(term["class"], term["unit"]) for term in direct] == [("KNOWN", "WORKING_DAY")]:
            return row["code"]
    raise AssertionError(f"the catalogue has no such procedure of {agency}")


def shown(answer):
    return f"{answer.code.name} {answer.reason}" if isinstance(answer, Refusal) else "answered"


def accounts(answers):
    return " and ".join(map(shown, answers))


class Case:
    """One dossier as its client knows it."""

    def __init__(self, system):
        self.system = system
        self.submit_id = None
        # Bytes of the first answer; None: abandoned while unclear.
        self.submitted = None
        # Request ids of acceptances that were sent, and the answer of the one that took effect.
        self.accept_ids = []
        self.accept_abandoned = False
        self.accepted = None
        self.winner = None
        # Something went wrong that the test tells anyway.
        self.failed = False


class Abandoned(Exception):
    """The client gives up while it does not know."""


class Storm:
    """CLIENTS threads that file and accept `total` dossiers at `processes`."""

    def __init__(self, installation, processes, total, seed):
        self.installation = installation
        self.processes = processes
        self.total = total
        self.seed = seed
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.cases = []
        self.failures = []
        self.done = 0  # commands with a clear answer
        self.counts = {name: 0 for name in ("attempts", "unsent", "unclear", "conflicts", "doubles", "rivals", "later")}
        self.offers = [{"procedure": commune_procedure(), "channel": pb.Dossier.ONLINE}]
        self.offers += [{"procedure": department_procedure(agency), "channel": pb.Dossier.DIRECT}
                        for agency in DEPARTMENTS]
        self.next = iter(range(total))
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(CLIENTS)]

    def __str__(self):
        return f"{self.done} answers, {self.counts}, {self.failures}"

    def start(self):
        for thread in self.threads:
            thread.start()

    def running(self):
        return any(thread.is_alive() for thread in self.threads)

    def join(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def run(self, number):
        chance = random.Random(f"{self.seed} client {number}")
        while not self.stopped.is_set() and len(self.failures) < MAX_FAILURES:
            with self.lock:
                index = next(self.next, None)
            if index is None:
                return
            case = Case(f"systems/storm-{index % SYSTEMS}")
            with self.lock:
                self.cases.append(case)
            try:
                self.settle(case, chance)
            except Abandoned:
                pass
            except Exception as error:  # pylint: disable=broad-exception-caught
                # Whatever it is, the test fails with it, after the database was looked at.
                case.failed = True
                with self.lock:
                    self.failures.append(f"{case.system} submission {case.submit_id}: {error}")

    def settle(self, case, chance):
        request = submission(request_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                             intake_agency=chance.choice(COMMUNES), **chance.choice(self.offers))
        case.submit_id = request.request_id
        if chance.random() < FOREIGN_SHARE:
            request.foreign_codes.add(issuer="G01", code=request.request_id)
        if chance.random() < DOUBLE_SHARE:
            case.submitted = self.double("SubmitDossier", case, request, chance)
        else:
            case.submitted = self.answered("SubmitDossier", case, request, chance)
        dossier = pb.Dossier.FromString(case.submitted)
        accept = self.acceptance(case, dossier, chance)
        try:
            if chance.random() < RIVAL_SHARE:
                case.accepted = self.rivals(case, accept, self.acceptance(case, dossier, chance), chance)
            elif chance.random() < DOUBLE_SHARE:
                case.winner = accept.request_id
                case.accepted = self.double("AcceptDossier", case, accept, chance)
            else:
                case.winner = accept.request_id
                case.accepted = self.answered("AcceptDossier", case, accept, chance)
        except Abandoned:
            case.accept_abandoned = True
            raise
        if chance.random() < LATER_SHARE:
            # The same request much later gives the first answer, also when the dossier has gone on since.
            self.count("later")
            again = self.answered("SubmitDossier", case, request, chance, final=True)
            if again != case.submitted:
                raise AssertionError("a repeated submission got another answer")

    @staticmethod
    def acceptance(case, dossier, chance):
        request = pb.AcceptDossierRequest(name=dossier.name, etag=dossier.etag,
                                          request_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)))
        case.accept_ids.append(request.request_id)
        return request

    def begin(self, process, method, case, request):
        self.count("attempts")
        metadata = self.installation.metadata(case.system, AGENCIES)
        return getattr(process.stub, method).future(request, timeout=CALL_SECONDS, metadata=metadata)

    def outcome(self, call):
        """The answer's bytes, a Refusal, or why to repeat the request: `unclear`, `unsent`, `conflicts`."""
        try:
            answer = call.result().SerializeToString(deterministic=True)
        except grpc.RpcError as error:
            refused = Refusal(error)
            if refused.code in UNCLEAR:
                return self.repeat("unsent" if refused.message.startswith(UNSENT) else "unclear")
            return self.repeat("conflicts") if refused.reason in REPEATABLE else refused
        with self.lock:
            self.done += 1
        return answer

    def repeat(self, why):
        self.count(why)
        return why

    def clear(self, method, case, request, chance, final, first=None):
        """A clear answer of `request`: its bytes or a Refusal. `first`: a call that is under way already."""
        patient = final or chance.random() >= ABANDON_SHARE
        while True:
            found = self.outcome(first or self.begin(chance.choice(self.processes), method, case, request))
            first = None
            if not isinstance(found, str):
                return found
            if found == "unclear" and not patient:
                raise Abandoned
            if self.stopped.wait(PAUSE_SECONDS):
                raise AssertionError("stopped")

    def answered(self, method, case, request, chance, final=False):
        found = self.clear(method, case, request, chance, final)
        if isinstance(found, Refusal):
            raise AssertionError(f"{method} was refused: {shown(found)}")
        return found

    def both(self, method, case, requests, chance):
        """The clear outcomes of two requests sent at once, each to its process."""
        targets = chance.sample(self.processes, 2)
        calls = [self.begin(target, method, case, request) for target, request in zip(targets, requests)]
        return [self.clear(method, case, request, chance, True, call) for request, call in zip(requests, calls)]

    def double(self, method, case, request, chance):
        """A double click that reaches two processes: one effect, one answer."""
        self.count("doubles")
        answers = self.both(method, case, (request, request), chance)
        refused = any(isinstance(answer, Refusal) for answer in answers)
        if refused or answers[0] != answers[1]:
            raise AssertionError(f"{method} twice at once, {accounts(answers)}")
        return answers[0]

    def rivals(self, case, one, other, chance):
        """Two officers accept it at once: one does."""
        self.count("rivals")
        answers = self.both("AcceptDossier", case, (one, other), chance)
        won = [index for index, answer in enumerate(answers) if not isinstance(answer, Refusal)]
        lost = [answer for answer in answers if isinstance(answer, Refusal)]
        if len(won) != 1 or lost[0].reason not in LOSING_REASONS:
            raise AssertionError(f"two officers accept at once, {accounts(answers)}")
        case.winner = (one, other)[won[0]].request_id
        return answers[won[0]]


class Follower:
    """Follows the feed of one process from the beginning, through its deaths."""

    def __init__(self, installation, process):
        self.channel = installation.channel("insights", process.port)
        self.stub = feed_grpc.FeedStub(self.channel)
        self.name = process.name
        self.seen = []  # (position, subject, revision, type)
        self.position = None
        self.resumed = 0
        self.refusals = set()
        self.stopped = threading.Event()
        self.call = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            try:
                self.call = self.stub.Follow(feed_pb.FollowRequest(after=self.position))
                for message in self.call:
                    if message.HasField("event"):
                        event = message.event
                        self.seen.append((message.position.n, event.subject, event.revision, event.type))
                    self.position = message.position
            except grpc.RpcError as error:
                self.refusals.add(error.code())
            self.resumed += 1
            self.stopped.wait(PAUSE_SECONDS)

    def stop(self):
        self.stopped.set()
        if self.call is not None:
            self.call.cancel()
        self.channel.close()
        self.thread.join(CALL_SECONDS)
