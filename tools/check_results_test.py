#!/usr/bin/python3
"""check_results.py over a small project of its own, run by the real ctest: only what ran and passed has passed."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).with_name("check_results.py")
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(sample LANGUAGES NONE)
enable_testing()
add_test(NAME good COMMAND true)
add_test(NAME also_good COMMAND true)
"""


class CheckResultsTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="check_results_test.")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def run_program(self, *arguments):
        return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)

    def counted(self, more, *options, results=True):
        """What the program prints and names after ctest ran PROJECT with `more`."""
        (self.folder / "CMakeLists.txt").write_text(PROJECT + more, encoding="utf-8")
        build, listed, found = (self.folder / name for name in ("build", "listed.json", "a.xml"))
        made = self.run_program("cmake", "-S", self.folder, "-B", build)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.run_program("ctest", "--test-dir", build, "--output-junit", found, *options)
        if not results:
            found.unlink()
        listing = self.run_program("ctest", "--test-dir", build, "--show-only=json-v1")
        listed.write_text(listing.stdout, encoding="utf-8")
        done = self.run_program(sys.executable, PROGRAM, listed, found, self.folder / "none.xml")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip(), done.stderr

    def test_passes(self):
        self.assertEqual(self.counted(""), ("2 0", ""))

    def test_whatever_else_happens_is_a_failure(self):
        property_ = "set_tests_properties(odd PROPERTIES {})"
        cases = {
            "fails": ("add_test(NAME odd COMMAND false)", "odd: failed"),
            "has no program": ("add_test(NAME odd COMMAND /nowhere/odd)", "odd: did not run"),
            "is disabled": ("add_test(NAME odd COMMAND true)\n" + property_.format("DISABLED TRUE"),
                            "odd: disabled"),
            "skips itself": ("add_test(NAME odd COMMAND sh -c \"exit 7\")\n"
                             + property_.format("SKIP_RETURN_CODE 7"), "odd: did not run"),
            "is too slow": ("add_test(NAME odd COMMAND sleep 20)\n" + property_.format("TIMEOUT 1"),
                            "odd: failed"),
        }
        for name, (more, why) in cases.items():
            with self.subTest(name):
                numbers, named = self.counted(more)
                self.assertEqual(numbers, "2 1")
                self.assertIn(why, named)

    def test_what_was_left_out_or_never_reached_is_a_failure(self):
        numbers, named = self.counted("", "-E", "also_good")
        self.assertEqual(numbers, "1 1")
        self.assertIn("also_good", named)
        self.assertEqual(self.counted("", results=False)[0], "0 2")

    def test_no_tests_are_a_failure(self):
        (self.folder / "listed.json").write_text('{"tests": []}', encoding="utf-8")
        done = self.run_program(sys.executable, PROGRAM, self.folder / "listed.json")
        self.assertEqual(done.stdout.strip(), "0 1")


if __name__ == "__main__":
    unittest.main()
