"""All tests of the simulator: a real process, real TLS, a real journal on disk.

Run: /usr/bin/python3 tools/national_sim/national_sim_test.py (SEED=N repeats a run)
"""

import os
import sys
import unittest

sys.dont_write_bytecode = True  # nothing is made in the source tree
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position,unused-import
from faults_test import FaultTest
from journal_test import JournalTest, GroupCommitTest
from portal_test import ServiceTest

if __name__ == "__main__":
    unittest.main()
