#!/usr/bin/python3
"""Counts what ctest did: `check_results.py LISTED.json RESULTS.xml...` prints `PASSED FAILED`.

LISTED is `ctest --show-only=json-v1`: the tests that should have run. RESULTS are `ctest --output-junit`. A test has
passed when a result says so; every other one has failed, is named on stderr, and is counted: also one that was skipped,
disabled, or never reached. No tests at all are one failure.
"""

import json
import os
import sys
import xml.etree.ElementTree


def statuses(paths):
    found = {}
    for path in paths:
        if not os.path.exists(path):
            continue  # ctest was ended before it wrote: its tests did not pass
        for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
            skipped = case.find("skipped")
            reason = skipped.get("message", "") if skipped is not None else ""
            found[case.get("name")] = (case.get("status"), reason)
    return found


def count(listed, results):
    """(passed, {name: why it does not count as passed})."""
    with open(listed, encoding="utf-8") as file:
        names = [test["name"] for test in json.load(file)["tests"]]
    found = statuses(results)
    words = {"fail": "failed", "notrun": "did not run", "disabled": "disabled"}
    failed = {}
    for name in names:
        status, reason = found.get(name, ("missing", "no result of it"))
        if status != "run" or reason:
            failed[name] = words.get(status, status) + (f": {reason}" if reason else "")
    return len(names) - len(failed), failed


def main():
    passed, failed = count(sys.argv[1], sys.argv[2:])
    for name, why in failed.items():
        print(f"check: {name}: {why}", file=sys.stderr)
    if not passed and not failed:
        failed = {"": ""}
        print("check: ctest knows no tests", file=sys.stderr)
    print(passed, len(failed))


if __name__ == "__main__":
    main()
