"""Fault injection: which answer fails, and how. Every choice comes from one seeded generator."""

import collections
import random

from aiohttp import web

KINDS = ("delay", "http_500", "http_503", "reset_before", "reset_after", "duplicate",
         "expired_session")
# With these the call leaves no effect; with the others the effect is done first.
BEFORE_EFFECT = frozenset({"http_500", "reset_before", "expired_session"})

# After so many faults in a row for one dossier the next answer is clean: whoever retries ends.
MAX_FAULTS_IN_A_ROW = 3
MAX_TRACKED_KEYS = 100_000
MAX_SCRIPTED_TIMES = 1_000
MAX_SCRIPTS = 1_000


class Faults:
    def __init__(self, kinds_by_endpoint, percent, seed, delay_seconds):
        self._kinds = kinds_by_endpoint
        self.percent = percent
        self.seed = seed
        self.delay_seconds = delay_seconds
        self._random = random.Random(seed)
        self._bags = {endpoint: [] for endpoint in kinds_by_endpoint}
        self._dealt = collections.Counter()
        self._scripted = {endpoint: collections.deque() for endpoint in kinds_by_endpoint}
        self._in_a_row = {}

    def take(self, endpoint, keys, excluded=()):
        """The fault for this answer, or None. `keys` are the dossiers concerned, `excluded` the
        kinds that make no sense for this call."""
        if endpoint not in self._kinds:
            return None
        # Drawn for every answer, so that a scripted fault does not shift what the seed gives later.
        unlucky = self._random.random() * 100 < self.percent
        kind = self._take_scripted(endpoint, excluded)
        if kind is None and unlucky and not any(
                self._in_a_row.get(key, 0) >= MAX_FAULTS_IN_A_ROW for key in keys):
            kind = self._deal(endpoint, excluded)
        for key in keys:
            streak = self._in_a_row.pop(key, 0)
            if kind is not None:
                self._in_a_row[key] = streak + 1
        while len(self._in_a_row) > MAX_TRACKED_KEYS:
            del self._in_a_row[next(iter(self._in_a_row))]
        return kind

    def _take_scripted(self, endpoint, excluded):
        scripts = self._scripted[endpoint]
        if not scripts or scripts[0]["kind"] in excluded:
            return None
        script = scripts[0]
        script["times"] -= 1
        if script["times"] == 0:
            scripts.popleft()
        return script["kind"]

    def _deal(self, endpoint, excluded):
        """One bag per endpoint, so each endpoint meets every kind before any twice; among what is
        left in the bag the kind dealt least so far over all endpoints goes first."""
        bag = self._bags[endpoint]
        if all(kind in excluded for kind in bag):
            fresh = [kind for kind in self._kinds[endpoint] if kind not in bag]
            self._random.shuffle(fresh)
            bag.extend(fresh)
        kind = min((kind for kind in bag if kind not in excluded), key=self._dealt.__getitem__)
        bag.remove(kind)
        self._dealt[kind] += 1
        return kind

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
        if not isinstance(endpoint, str) or endpoint not in self._kinds:
            raise ValueError(f"endpoint must be one of {', '.join(self._kinds)}")
        if kind not in self._kinds[endpoint]:
            raise ValueError(f"kind must be one of {', '.join(self._kinds[endpoint])}")
        if type(times) is not int or not 1 <= times <= MAX_SCRIPTED_TIMES:
            raise ValueError(f"times must be a whole number from 1 to {MAX_SCRIPTED_TIMES}")
        if len(self._scripted[endpoint]) >= MAX_SCRIPTS:
            raise ValueError(f"more than {MAX_SCRIPTS} scripted faults are waiting")
        self._scripted[endpoint].append({"kind": kind, "times": times})

    def describe(self):
        waiting = [{"endpoint": endpoint, **script}
                   for endpoint, scripts in self._scripted.items() for script in scripts]
        return {"percent": self.percent, "seed": self.seed, "delay_seconds": self.delay_seconds,
                "scripted": waiting, "kinds": {e: list(kinds) for e, kinds in self._kinds.items()}}

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
