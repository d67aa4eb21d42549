"""Rules about any text: this machine's paths, unfinished work, skipped tests, SQL for both engines."""

import hashlib
import re

from tree import line_of

# After a name, a dot or a bracket it is the middle of another path.
MACHINE_PATH = re.compile(r"(?<![\w.})])/(?:work|home|root)/")
# Written in pieces here, as this file is checked too.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")


def machine_paths(tree):
    for file in tree.own():
        for match in MACHINE_PATH.finditer(file.text):
            yield file.finding(line_of(file.text, match.start()), "machine-path",
                               f"'{match[0]}' is a folder of one machine: use a path relative to the root")


def unfinished(tree):
    for file in tree.own():
        if not file.language:
            continue
        for match in UNFINISHED.finditer(file.text):
            yield file.finding(line_of(file.text, match.start()), "unfinished",
                               f"'{match[0]}': do it now, or write it into an issue")


SKIPPED = {
    "c++": r"(?<![\w.>:])(?:GTEST_)?SKIP\s*\(|\bDISABLED" r"_\w",
    "python": r"\bunittest\.skip|\bskip" r"Test\(|\bexpected" r"Failure\b|\bpytest\.(?:mark\.)?(?:skip|xfail)",
    "javascript": r"\b(?:it|test|describe)\.(?:skip|todo|only)\b|\bx(?:it|describe)\(",
    "cmake": r"\bDISABLED\s+(?:TRUE|ON|1)\b|\bWILL_FAIL\b|\bSKIP_RETURN_CODE\b",
}
# A literal that is nothing but Catch2 tags, one of which hides the test or forgives it.
HIDING_TAGS = re.compile(r"(?:\[[^\[\]]+\])*\[(?:\.[^\[\]]*|!mayfail|!shouldfail|hide)\](?:\[[^\[\]]+\])*$")


def skipped_tests(tree):
    text = "a test that does not run or may fail proves nothing: repair it or delete it"
    for language, pattern in SKIPPED.items():
        compiled = re.compile(pattern)
        for file in tree.own(language):
            code = file.cpp.code if language == "c++" else file.text
            for match in compiled.finditer(code):
                yield file.finding(line_of(code, match.start()), "skipped-test", f"'{match[0]}': {text}")
    for file in tree.own("c++"):
        if file.is_test:
            for literal in file.cpp.literals():
                # The name and the tags of a TEST_CASE are two literals, with a comma between.
                if literal.offsets and HIDING_TAGS.match(literal.text):
                    yield file.finding(line_of(file.text, literal.offsets[0]), "skipped-test",
                                       f"'{literal.text}': {text}")


STARTS_AS_SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH)\s", re.I)
BANNED_SQL = (
    (re.compile(r"::"), "a '::' cast: bind a value of the right type, or CAST(x AS t)"),
    (re.compile(r"\b(?:NOW\s*\(|CURRENT_TIMESTAMP\b|CURRENT_DATE\b)", re.I),
     "the database's time: bind the Clock's as a parameter"),
    # Upper case only: `serial` is also what a certificate has.
    (re.compile(r"\b(?:BIG|SMALL)?SERIAL\b|\bbigserial\b"), "SERIAL: ids are made by us"),
    (re.compile(r"\bAS\s+IDENTITY\b|\bIDENTITY\s*\(|\bAUTOINCREMENT\b", re.I),
     "IDENTITY: ids are made by us"),
    (re.compile(r"\bOFFSET\b", re.I), "OFFSET: page by the last key"),
    (re.compile(r"\bSELECT\s+(?:\w+\.)?\*", re.I), "SELECT *: name the columns"),
    (re.compile(r"\bI?LIKE\b", re.I), "LIKE: engines differ in case; search by a key column"),
    (re.compile(r"\b(?:GREATEST|LEAST)\b", re.I), "GREATEST: SQLite has none; use CASE"),
)


def blank_match(match):
    return re.sub(r"[^\n]", " ", match[0])


def banned_sql(sql):
    """(offset, reason) of everything in `sql` that one of the engines refuses or understands otherwise."""
    code = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", blank_match, sql, flags=re.S)
    for pattern, reason in BANNED_SQL:
        for match in pattern.finditer(code):
            yield match.start(), reason


def portable_sql(tree):
    for file in tree.own("sql"):
        for offset, reason in banned_sql(file.text):
            yield file.finding(line_of(file.text, offset), "sql", reason)
    for file in tree.own("c++"):
        if not file.within("libs/durable", "libs/events", "services"):
            continue
        for literal in file.cpp.literals():
            # An escape would hide the border of the word after it.
            sql = literal.text if literal.raw else re.sub(r"\\.", "  ", literal.text)
            if STARTS_AS_SQL.match(re.sub(r"--[^\n]*", "", sql)):
                for offset, reason in banned_sql(sql):
                    yield file.finding(line_of(file.text, literal.offsets[offset]), "sql", reason)


# As sha256sum writes it: the schemas that databases have by now.
FROZEN = "tools/tidy/frozen_migrations.sha256"


def frozen_migrations(tree):
    if FROZEN not in tree.by_path:
        return
    for number, line in enumerate(tree.by_path[FROZEN].text.splitlines(), start=1):
        digest, path = line.split("  ", 1)
        file = tree.by_path.get(path)
        if file is None:
            yield tree.by_path[FROZEN].finding(number, "frozen-migration", f"{path} is gone: databases were made by it")
        elif hashlib.sha256(file.text.encode()).hexdigest() != digest:
            yield file.finding(1, "frozen-migration", "databases were made by it as it was: add a new migration")


RULES = (machine_paths, unfinished, skipped_tests, portable_sql, frozen_migrations)
