"""From the log of PostgreSQL to a script of pgbench: the statements of a service's transactions, with values of their own.

The log has every statement with its values. Transactions that differ only in values that each has anew (names, times,
tokens) are one shape, which becomes one script: what is the same in all of a shape stays, and the rest is made anew for
each transaction of pgbench, as long as it was and equal where it was equal.
"""

import collections
import csv
import dataclasses
import re
import sys

BEGIN, COMMIT, ROLLBACK = "BEGIN", "COMMIT", "ROLLBACK"
# Columns of PostgreSQL's csvlog.
DATABASE, SESSION, LINE, MESSAGE, DETAIL = 2, 5, 6, 13, 14
LOGGED = re.compile(r"(?:statement|execute [^:]*): (.*)", re.DOTALL)
VALUE = re.compile(r"\$(\d+) = (?:'((?:[^']|'')*)'|NULL)")
PARAMETER = re.compile(r"\$(\d+)")
# Digits of a number made anew: within pgbench's 64 bits, and of one length.
TEXT_DIGITS, HEX_DIGITS = 19, 18
# Beyond, bytes are nobody's key: what they are does not matter.
LONGEST_KEY_HEX = 2 + 2 * 64
# From here on a number that differs is a time.
LEAST_MICROSECONDS = 10**15
# Of numbers made anew: so many clients, and so many in one transaction.
MOST_CLIENTS, MOST_VALUES = 64, 64


@dataclasses.dataclass(frozen=True)
class Statement:
    sql: str
    values: tuple  # of $1, $2 ...; None: NULL


def values_of(detail):
    found = {int(number): None if text is None else text.replace("''", "'")
             for number, text in ((match[1], match[2]) for match in VALUE.finditer(detail))}
    return tuple(found[number] for number in range(1, len(found) + 1))


def transactions(log_file, database):
    """What was committed, in lists of Statement, without BEGIN and COMMIT of those that had one statement only."""
    csv.field_size_limit(sys.maxsize)
    sessions = collections.defaultdict(list)
    with open(log_file, newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            logged = LOGGED.fullmatch(row[MESSAGE]) if row[DATABASE] == database else None
            if logged:
                values = values_of(row[DETAIL]) if row[DETAIL].lower().startswith("parameters: ") else ()
                sessions[row[SESSION]].append((int(row[LINE]), Statement(logged[1], values)))
    committed = []
    for session in sessions.values():
        under_way = []
        for _, statement in sorted(session, key=lambda one: one[0]):
            word = statement.sql.partition(" ")[0].rstrip(";")
            under_way = [statement] if word == BEGIN else [*under_way, statement]
            if word == COMMIT:
                committed.append(under_way)
    return committed


def is_number(text):
    return text is not None and re.fullmatch(r"-?\d+", text) is not None


def is_bytes(text):
    return text is not None and re.fullmatch(r"\\x([0-9a-f]{2})*", text) is not None


def is_word(text):
    """What is chosen from a few, as an agency: short, and not made for this transaction."""
    return text is not None and not is_number(text) and not is_bytes(text) and len(text) < TEXT_DIGITS


def shape_of(transaction):
    """Equal for transactions that become one script: the statements, and the words in them."""
    return tuple((statement.sql if statement.values else re.sub(r"\d+", "0", statement.sql),
                  tuple(value if is_word(value) or value is None else "" for value in statement.values))
                 for statement in transaction)


class Script:
    """One shape as a script of pgbench: `text`, with `constants` as pgbench's -D."""

    def __init__(self, name, samples):
        self.name = name
        self.weight = len(samples)
        self.sample = samples[0]
        self.samples = samples
        self.sets = []  # lines of \set
        self.constants = {}  # all scripts of a run share their names
        self.made = {}  # type and value of the sample -> how it is written
        self.text = self.script()

    def varies(self, position, index):
        return len({sample[position].values[index] for sample in self.samples}) > 1

    def constant(self, value):
        # -D takes no empty one.
        if not value:
            return "''"
        name = f"{self.name}c{len(self.constants)}"
        self.constants[name] = value
        return f":{name}"

    def number(self):
        """The name of a number that no other transaction has."""
        name = f"v{len(self.sets)}"
        place = f"(:k * {MOST_CLIENTS} + :client_id) * {MOST_VALUES} + {len(self.sets)}"
        self.sets.append(rf"\set {name} {10**(TEXT_DIGITS - 1)} + {place}")
        return f":{name}"

    def random(self, least, most):
        name = f"v{len(self.sets)}"
        self.sets.append(rf"\set {name} random({least}, {most})")
        return f":{name}"

    def time(self, value):
        name = f"v{len(self.sets)}"
        self.sets.append(rf"\set {name} {value} + :k")
        return f":{name}"

    def written(self, position, index):
        """The value $index of a statement, as pgbench's script has it."""
        value = self.sample[position].values[index]
        if value is None:
            return "NULL"
        kind = "bytea" if is_bytes(value) else "bigint" if is_number(value) else "text"
        if not self.varies(position, index):
            return f"{self.constant(value)}::{kind}"
        if (kind, value) not in self.made:
            self.made[kind, value] = self.anew(value, kind, position, index)
        return self.made[kind, value]

    def anew(self, value, kind, position, index):
        if kind == "bytea":
            if len(value) > LONGEST_KEY_HEX or len(value) < 2 + HEX_DIGITS:
                return f"{self.constant(value)}::bytea"
            drawn = self.random(10**(HEX_DIGITS - 1), 10**HEX_DIGITS - 1)
            return f"decode({drawn}::text || {self.constant(value[2 + HEX_DIGITS:])}::text, 'hex')"
        if kind == "bigint":
            if int(value) >= LEAST_MICROSECONDS:
                return f"{self.time(value)}::bigint"
            found = [int(sample[position].values[index]) for sample in self.samples]
            return f"{self.random(min(found), max(found))}::bigint"
        return f"({self.constant(value[:-TEXT_DIGITS])}::text || {self.number()}::text)"

    def script(self):
        statements = []
        for position, statement in enumerate(self.sample):
            def replaced(match, position=position):
                return self.written(position, int(match[1]) - 1)
            sql = PARAMETER.sub(replaced, statement.sql) if statement.values else statement.sql
            # What we send as one message goes as one here too.
            parts = [part.strip() for part in sql.split(";") if part.strip()] if not statement.values else [sql]
            lines = [f"{part};" for part in parts]
            statements += lines if len(lines) == 1 else [r"\startpipeline", *lines, r"\endpipeline"]
        return "\n".join([r"\set k :k + 1", *self.sets, *statements, ""])


def scripts(found, fewest):
    """Scripts of the shapes that at least `fewest` of the transactions have."""
    shapes = collections.defaultdict(list)
    for transaction in found:
        shapes[shape_of(transaction)].append(transaction)
    return [Script(f"s{number}", samples) for number, samples in enumerate(shapes.values()) if len(samples) >= fewest]
