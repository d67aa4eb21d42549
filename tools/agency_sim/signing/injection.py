"""Fault injection: which answer fails, and how. Every choice comes from one seeded generator."""

import collections
import random

from aiohttp import web

# By chance and by script: whoever retries, looks up or waits gets a good signature.
TRANSPORT = ("delay", "http_503", "lost_answer", "pending")
# By script only: the signature of that reference stays bad.
SIGNATURE = ("refused", "wrong_digest", "tampered", "wrong_signing_certificate", "wrong_key_usage",
             "expired_certificate", "not_yet_valid_certificate", "revoked_certificate",
             "foreign_authority", "past_signing_time", "future_signing_time")
CRL = ("delay", "http_503", "stale", "foreign", "tampered")
KINDS = {"signatures": TRANSPORT + SIGNATURE, "crl": CRL}

# After so many in a row for one reference the next answer is clean.
MAX_IN_A_ROW = 3
MAX_TRACKED_REFERENCES = 10_000
MAX_SCRIPTED_TIMES = 1_000
MAX_SCRIPTS = 1_000


class Faults:
    def __init__(self, percent, seed):
        self.percent = percent
        self.seed = seed
        self.injected = collections.Counter()
        self._random = random.Random(seed)
        self._scripted = {endpoint: collections.deque() for endpoint in KINDS}
        self._in_a_row = collections.OrderedDict()

    def take(self, endpoint, reference="", known=False):
        """The fault for this answer, or None. `known`: the signature is there already, so only the
        way of the answer can still fail."""
        # Drawn for every answer, so that a scripted fault does not shift what the seed gives later.
        unlucky = endpoint == "signatures" and self._random.random() * 100 < self.percent
        chance = self._random.choice(TRANSPORT[:3] if known else TRANSPORT)
        kind = self._take_scripted(endpoint, known)
        streak = self._in_a_row.pop(reference, 0)
        if kind is None and unlucky and streak < MAX_IN_A_ROW:
            kind = chance
        if kind is not None:
            self.injected[f"{endpoint}/{kind}"] += 1
            self._in_a_row[reference] = streak + 1
        while len(self._in_a_row) > MAX_TRACKED_REFERENCES:
            self._in_a_row.popitem(last=False)
        return kind

    def _take_scripted(self, endpoint, known):
        scripts = self._scripted[endpoint]
        if not scripts or (known and scripts[0]["kind"] not in TRANSPORT[:3]):
            return None
        script = scripts[0]
        script["times"] -= 1
        if script["times"] == 0:
            scripts.popleft()
        return script["kind"]

    def change(self, request):
        """Applies {"percent": P} or {"endpoint", "kind", "times"}; ValueError tells the mistake."""
        if not isinstance(request, dict):
            raise ValueError("the body must be a JSON object")
        if set(request) == {"percent"}:
            percent = request["percent"]
            if type(percent) not in (int, float) or not 0 <= percent <= 100:
                raise ValueError("percent must be a number from 0 to 100")
            self.percent = percent
        elif set(request) == {"endpoint", "kind", "times"}:
            self._script(request["endpoint"], request["kind"], request["times"])
        else:
            raise ValueError('give {"percent"} or {"endpoint", "kind", "times"}')

    def _script(self, endpoint, kind, times):
        if not isinstance(endpoint, str) or endpoint not in KINDS:
            raise ValueError(f"endpoint must be one of {', '.join(KINDS)}")
        if kind not in KINDS[endpoint]:
            raise ValueError(f"kind must be one of {', '.join(KINDS[endpoint])}")
        if type(times) is not int or not 1 <= times <= MAX_SCRIPTED_TIMES:
            raise ValueError(f"times must be a whole number from 1 to {MAX_SCRIPTED_TIMES}")
        if len(self._scripted[endpoint]) >= MAX_SCRIPTS:
            raise ValueError(f"more than {MAX_SCRIPTS} scripted faults are waiting")
        self._scripted[endpoint].append({"kind": kind, "times": times})

    def describe(self):
        waiting = [{"endpoint": endpoint, **script}
                   for endpoint, scripts in self._scripted.items() for script in scripts]
        return {"percent": self.percent, "seed": self.seed, "scripted": waiting,
                "injected": dict(self.injected),
                "kinds": {endpoint: list(kinds) for endpoint, kinds in KINDS.items()}}

    def routes(self):
        return [web.get("/sim/faults", self._get), web.put("/sim/faults", self._put)]

    async def _get(self, _request):
        return web.json_response(self.describe())

    async def _put(self, request):
        try:
            self.change(await request.json())
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(self.describe())
