#!/usr/bin/python3
"""Checks the mechanical rules of the repository; README.md beside this file lists them.

    tools/tidy/tidy.py [--root DIR]

Prints one line per finding, `path:line: rule: what is wrong and what to do`, and exits 1 if there is any.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True  # a check leaves no files behind
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import rules_cpp
import rules_docs
import rules_layout
import rules_text
from tree import Tree

RULES = rules_layout.RULES + rules_cpp.RULES + rules_text.RULES + rules_docs.RULES


def check(root):
    """The number of files and the sorted findings of every rule over the tree at `root`."""
    tree = Tree(root)
    findings = {finding for rule in RULES for finding in rule(tree)}
    return len(tree.files), sorted(findings)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    count, findings = check(parser.parse_args(arguments).root)
    for finding in findings:
        print(finding)
    print(f"tidy: {count} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
