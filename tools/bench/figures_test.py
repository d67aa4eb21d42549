#!/usr/bin/python3
"""figures.py: medians over rounds, and the lines that others parse."""

import json
import unittest

import figures

UNITS = {"platform.ready": "s", "platform.idle_memory": "MB"}
READY = (0.51234567, 9.0, 0.4, 0.6, 0.45)


def rounds(count=5):
    return [{"platform.ready": READY[number], "platform.idle_memory": 50 + number} for number in range(count)]


class FiguresTest(unittest.TestCase):
    def test_text(self):
        self.assertEqual(figures.Report(UNITS, rounds()).as_text(),
                         "figure platform.ready 0.5123 s\nfigure platform.idle_memory 52 MB")

    def test_json_has_the_rounds(self):
        told = json.loads(figures.Report(UNITS, rounds()).as_json("journey"))
        self.assertEqual(told["bench"], "journey")
        self.assertEqual(told["rounds"], rounds())
        self.assertEqual(told["figures"][0], {"name": "platform.ready", "number": 0.51234567, "unit": "s"})

    def test_even_rounds_have_the_middle(self):
        more = [*rounds(), {"platform.ready": 0.5, "platform.idle_memory": 10}]
        self.assertEqual(figures.Report(UNITS, more).median("platform.idle_memory"), 51.5)

    def test_too_few_rounds(self):
        with self.assertRaises(ValueError):
            figures.Report(UNITS, rounds(4))

    def test_a_figure_that_a_round_lacks(self):
        lacking = rounds()
        del lacking[2]["platform.ready"]
        with self.assertRaises(KeyError):
            figures.Report(UNITS, lacking).as_text()

    def test_numbers_have_no_exponent(self):
        for number, text in ((1234567.0, "1235000"), (0.000012345, "0.00001234"), (107.549, "107.5"), (0, "0")):
            with self.subTest(number):
                self.assertEqual(figures.rounded(number), text)


if __name__ == "__main__":
    unittest.main()
