#!/usr/bin/python3
"""exchange.py: which cases and figures there are, and how ratios are made of what was measured."""

import argparse
import pathlib
import tempfile
import unittest

import exchange
import exchange_files
import journey


def case(name):
    return next(one for one in exchange.all_cases() if one.name == name)


def told(microseconds):
    return {"watched_cpu_us_per_call": microseconds}


class CasesTest(unittest.TestCase):
    def chosen(self, contestants, cases):
        names, found = exchange.chosen(argparse.Namespace(contestants=contestants, cases=cases))
        return names, [one.name for one in found]

    def test_figures_have_the_names_that_are_judged(self):
        for name in ("complete_over_nghttpx", "complete_over_nghttpx_2k", "complete_over_nghttpx_100k",
                     "complete_over_envoy", "complete_over_nginx", "bare_over_nghttpx", "complete_over_nghttpx_tls",
                     "complete_over_nghttpx_1s", "added_p99"):
            self.assertIn(f"exchange.{name}", exchange.FIGURES)
        self.assertNotIn("exchange.complete_over_nginx_open_16000", exchange.FIGURES)

    def test_narrowed(self):
        self.assertEqual(self.chosen("nginx,nghttpx", "100_8x50_*,open_4000,half"),
                         (["nghttpx", "nginx"], ["100_8x50_h2c", "100_8x50_tls", "open_4000"]))
        self.assertEqual(self.chosen("complete", "half"), (["complete"], ["half"]))

    def test_unknown_ones_are_refused(self):
        for contestants, cases in (("apache", "*"), ("nginx", "3k*"), ("nginx", "half")):
            with self.assertRaises(journey.BenchError):
                self.chosen(contestants, cases)


class RatiosTest(unittest.TestCase):
    def test_of_those_that_are_there(self):
        found = exchange.ratios(case("2k_8x1_tls"), {"complete": told(6), "nghttpx": told(12), "bare": told(3)})
        self.assertEqual(found, {"exchange.complete_over_nghttpx_2k_1s_tls": 0.5, "exchange.bare_over_nghttpx_2k_1s_tls": 0.25})

    def test_the_plain_case_has_no_suffix(self):
        found = exchange.ratios(case("100_8x50_h2c"), {"bare": told(3), "nghttpx": told(12)})
        self.assertEqual(found, {"exchange.bare_over_nghttpx": 0.25})

    def test_turns(self):
        self.assertEqual([exchange.in_turn("abc", number) for number in (0, 1, 5)],
                         [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]])


class TokensTest(unittest.TestCase):
    def test_length_and_key(self):
        with tempfile.TemporaryDirectory() as folder:
            signer = exchange_files.Signer(pathlib.Path(folder))
            for length in (300, 301, 450):
                self.assertAlmostEqual(len(signer.token(7, length)), length, delta=4)
            self.assertNotEqual(signer.token(1, 300), signer.token(2, 300))


if __name__ == "__main__":
    unittest.main()
