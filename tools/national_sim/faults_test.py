"""Every kind of fault at every endpoint, the seed, the bags, the limit."""

import errno
import http.client
import json
import select
import socket
import time
import unittest

import faults
from sim_process import (DSTCODE, KINDS, MAPI, SEED, USER, WAIT_SECONDS, SimTest, dossier, names,
                         new_code, progress)


class FaultTest(SimTest):
    ENDPOINTS = {
        "login": KINDS - {"duplicate", "expired_session"}, "TraCuuHoSo": KINDS - {"duplicate"},
        "DongBoHoSoMC": KINDS, "CapNhatTienDoHoSoMC": KINDS,
    }
    EFFECTS = {"login": "login", "TraCuuHoSo": "lookup", "DongBoHoSoMC": "insert",
               "CapNhatTienDoHoSoMC": "progress"}

    def call(self, sim, endpoint, code):
        """One call; what came back, as (HTTP status or "reset", error_code, seconds)."""
        begin = time.monotonic()
        try:
            if endpoint == "login":
                answer = sim.post("login", USER)
            elif endpoint == "TraCuuHoSo":
                answer = sim.service(endpoint, mahoso=code)
            elif endpoint == "DongBoHoSoMC":
                answer = sim.service(endpoint, isUpdating="False", data=[dossier(MaHoSo=code)])
            else:
                answer = sim.service(endpoint, data=[progress(code)])
        except ConnectionResetError:
            answer = "reset", None
        code = answer[1]["error_code"] if answer[0] == 200 else None
        return answer[0], code, time.monotonic() - begin

    def test_each_kind_on_each_endpoint(self):
        sim = self.start("--delay-seconds", "0.2", "--seed", "1")
        expected = {"delay": (200, 0), "http_500": (500, None), "http_503": (503, None),
                    "reset_before": ("reset", None), "reset_after": ("reset", None),
                    "duplicate": (200, 1), "expired_session": (200, -1)}
        total = dict.fromkeys(KINDS, 0)
        for endpoint, kinds in self.ENDPOINTS.items():
            for kind in sorted(kinds):
                with self.subTest(endpoint=endpoint, kind=kind):
                    code = new_code()
                    sim.login()
                    if endpoint in ("TraCuuHoSo", "CapNhatTienDoHoSoMC"):
                        self.assert_ok(sim.sync(dossier(MaHoSo=code)))
                    script = {"endpoint": endpoint, "kind": kind, "times": 1}
                    self.assertEqual(sim.admin("faults", script)[1]["scripted"], [script])
                    status, error, seconds = self.call(sim, endpoint, code)
                    self.assertEqual((status, 0 if error == "00" else error), expected[kind])
                    self.assertEqual(seconds >= 0.2, kind == "delay", seconds)
                    total[kind] += 1
                    self.assert_effect(sim, endpoint, kind, code)
                    if kind == "expired_session":
                        self.assertEqual(sim.lookup(code)["error_code"], -1)
                    sim.login()
                    self.assertIn(sim.lookup(code)["error_code"], (0, "00", 2))  # once means once
        self.assertEqual(sim.admin("faults")[1]["scripted"], [])
        self.assertEqual(sim.state()["faults"], total)
        self.assertEqual(sim.end(), 0)
        self.assertEqual(sim.errors(), "national_sim: seed 1\n")

    def assert_effect(self, sim, endpoint, kind, code):
        done = kind in {"delay", "http_503", "reset_after", "duplicate"}
        record = [r for r in sim.records() if r["fault"]][-1]
        self.assertEqual((record["endpoint"], record["fault"], record["effect"]),
                         (endpoint, kind, self.EFFECTS[endpoint] if done else "none"))
        self.assertEqual(record["answer"] is None, kind.startswith("reset"))
        stored = sim.admin(f"dossiers/{code}")
        if endpoint == "DongBoHoSoMC":
            self.assertEqual(stored[0], 200 if done else 404)
        if endpoint == "CapNhatTienDoHoSoMC":
            self.assertEqual(len(stored[1]["TienDo"]), 1 if done else 0)

    def test_a_reset_is_a_tcp_reset(self):
        sim = self.start()
        sim.admin("faults", {"endpoint": "login", "kind": "reset_after", "times": 1})
        connection = http.client.HTTPSConnection("127.0.0.1", sim.port, context=sim.tls)
        self.addCleanup(connection.close)
        connection.request("POST", f"{MAPI}login?dstcode={DSTCODE}", json.dumps(USER))
        # Python's TLS takes a reset for an end, so the socket itself is asked.
        poll = select.poll()
        poll.register(connection.sock, 0)
        self.assertTrue(poll.poll(WAIT_SECONDS * 1000))
        error = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.assertEqual(error, errno.ECONNRESET)

    def test_a_refusal_is_not_disguised_as_a_duplicate(self):
        sim = self.start().login()
        sim.admin("faults", {"endpoint": "DongBoHoSoMC", "kind": "duplicate", "times": 1})
        self.assertEqual(sim.sync(dossier(), updating="True")["error_code"], 2)
        self.assertEqual(sim.sync(dossier())["error_code"], 1)
        self.assertEqual(sim.state()["dossiers"], 1)

    def test_admin_refusals(self):
        sim = self.start("--faults", "5", "--seed", "9")
        for change in ({"percent": 101}, {"percent": True}, {"percent": "5"}, {}, [], {"x": 1},
                       {"endpoint": "login", "kind": "duplicate", "times": 1},
                       {"endpoint": "TraCuuHoSo", "kind": "x", "times": 1},
                       {"endpoint": "other", "kind": "delay", "times": 1},
                       {"endpoint": "login", "kind": "delay", "times": 0},
                       {"endpoint": "login", "kind": "delay", "times": 1, "percent": 1}):
            self.assertEqual(sim.admin("faults", change)[0], 400, change)
        now = sim.admin("faults")[1]
        self.assertEqual((now["percent"], now["seed"], now["scripted"]), (5, 9, []))
        self.assertEqual(sim.admin("faults", {"percent": 0.5})[1]["percent"], 0.5)

    def run_calls(self, seed, percent):
        """The faults that 120 identical calls meet."""
        sim = self.start("--seed", str(seed), "--faults", str(percent), "--delay-seconds", "0")
        sim.session = "-"
        for _ in range(120):
            self.call(sim, "TraCuuHoSo", "H12-1")
        kinds = [record["fault"] for record in sim.records()]
        sim.end()
        return kinds

    def test_seed_decides(self):
        first = self.run_calls(11, 40)
        self.assertEqual(len(first), 120)
        self.assertEqual(first, self.run_calls(11, 40))
        self.assertNotEqual(first, self.run_calls(12, 40))
        self.assertGreater(sum(kind is not None for kind in first), 24)
        self.assertLess(sum(kind is not None for kind in first), 72)
        self.assertEqual(set(self.run_calls(11, 0)), {None})

    def test_three_in_a_row_at_most(self):
        kinds = self.run_calls(SEED, 100)
        self.assertEqual([kind is None for kind in kinds], [False, False, False, True] * 30)
        dealt = [kind for kind in kinds if kind]
        for at in range(0, 90, 6):
            self.assertEqual(set(dealt[at:at + 6]), KINDS - {"duplicate"})

    def test_bags(self):
        source = faults.Faults({e: sorted(k) for e, k in self.ENDPOINTS.items()}, 100, SEED, 0)
        dealt = {endpoint: [] for endpoint in self.ENDPOINTS}
        for n in range(700):
            endpoint = names.choice(sorted(self.ENDPOINTS))
            dealt[endpoint].append(source.take(endpoint, {f"H12-{n}"}))
            if n == 250:
                everything = [kind for kinds in dealt.values() for kind in kinds]
                self.assertEqual(set(everything), KINDS)
        for endpoint, kinds in dealt.items():
            size = len(self.ENDPOINTS[endpoint])
            for at in range(0, len(kinds) - size, size):
                self.assertEqual(set(kinds[at:at + size]), self.ENDPOINTS[endpoint])
        self.assertIsNone(source.take("other", {"x"}))
        one = faults.Faults({"DongBoHoSoMC": sorted(KINDS), "login": ["delay"]}, 100, SEED, 0)
        one.take("login", {"login"})
        first = [one.take("DongBoHoSoMC", {f"H12-{n}"}) for n in range(6)]
        self.assertEqual(set(first), KINDS - {"delay"})  # no kind twice before each one once


if __name__ == "__main__":
    unittest.main()
