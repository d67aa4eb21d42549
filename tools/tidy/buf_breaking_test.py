#!/usr/bin/python3
"""buf_breaking finds what would break others, and lets pass what does not."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOSSIERS = "protos/lgsp/dossiers/v1/dossiers.proto"


class BufBreakingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="buf_breaking.")
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        shutil.copytree(ROOT / "protos", self.tree / "protos")
        shutil.copy(ROOT / "buf.yaml", self.tree)

    def compare(self, old="", new=""):
        path = self.tree / DOSSIERS
        text = path.read_text(encoding="utf-8")
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return subprocess.run([ROOT / "tools/tidy/buf_breaking"], env={**os.environ, "LGSP_PROTOS": str(self.tree)},
                              capture_output=True, text=True, check=False)

    def test_what_stands_passes(self):
        done = self.compare()
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_an_addition_passes(self):
        done = self.compare("message Dossier {\n", "message Dossier {\n  string addition = 9999;\n")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_breaks_are_named(self):
        for old, new, found in (
                ("string subject = 11;", "", "subject"),
                ("string subject = 11;", "bytes subject = 11;", "type"),
                ("string subject = 11;", "string subject = 9998;", "subject"),
                ("rpc GetDossier(", "rpc FetchDossier(", "GetDossier"),
                ("    EXPIRED = 15;\n", "", "State")):
            with self.subTest(new or old):
                self.setUp()
                done = self.compare(old, new)
                self.assertEqual(done.returncode, 100, done.stderr)
                self.assertIn(DOSSIERS.removeprefix("protos/"), done.stdout)
                self.assertIn(found, done.stdout)


if __name__ == "__main__":
    unittest.main()
