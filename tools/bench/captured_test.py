#!/usr/bin/python3
"""captured.py: from a log of PostgreSQL to scripts of pgbench."""

import csv
import pathlib
import tempfile
import unittest

import captured
from captured import Statement

INSERT = "INSERT INTO t (name, agency, body, time, shard) VALUES ($1, $2, $3, $4, $5)"
BEGIN, COMMIT = Statement("BEGIN; SET LOCAL statement_timeout = 29997", ()), Statement("COMMIT", ())
SELECT = "SELECT body FROM t WHERE name = $1 AND code IS NOT DISTINCT FROM $2"
BODY = r"\x" + 200 * "ab"


def name(number):
    return f"dossiers/019b0000-0000-7000-8000-{number:012}"


def transaction(number, agency="H12.50.01", timeout=29997):
    return [Statement(f"BEGIN; SET LOCAL statement_timeout = {timeout}", ()),
            Statement(INSERT, (name(number), agency, BODY, str(1795458844162759 + number), str(number % 3))),
            Statement(SELECT, (name(number), None)), COMMIT]


class LogTest(unittest.TestCase):
    def read(self, rows):
        """`rows`: database, session, line, message, detail."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "log.csv"
            with open(path, "w", newline="", encoding="utf-8") as file:
                for database, session, line, message, detail in rows:
                    columns = [""] * 26
                    columns[2], columns[5], columns[6], columns[13], columns[14] = database, session, line, message, detail
                    csv.writer(file).writerow(columns)
            return captured.transactions(path, "db")

    def test_sessions_apart_and_in_order(self):
        found = self.read([("db", "a", 1, "statement: BEGIN", ""),
                           ("db", "b", 1, "statement: BEGIN", ""),
                           ("db", "a", 3, "statement: COMMIT", ""),
                           ("db", "a", 2, "execute s1: SELECT $1", "parameters: $1 = 'it''s\n$2 = ''x'''"),
                           ("other", "c", 1, "statement: BEGIN", ""),
                           ("other", "c", 2, "statement: COMMIT", ""),
                           ("db", "b", 2, "statement: ROLLBACK", ""),
                           ("db", "b", 3, "statement: BEGIN", ""),
                           ("db", "b", 4, "execute s2: UPDATE t SET a = $2 WHERE b = $1", "parameters: $1 = NULL, $2 = '7'"),
                           ("db", "b", 5, "statement: COMMIT", "")])
        self.assertEqual([[statement.sql for statement in one] for one in found],
                         [["BEGIN", "SELECT $1", "COMMIT"], ["BEGIN", "UPDATE t SET a = $2 WHERE b = $1", "COMMIT"]])
        self.assertEqual(found[0][1].values, ("it's\n$2 = 'x'",))
        self.assertEqual(found[1][1].values, (None, "7"))


class ScriptTest(unittest.TestCase):
    def script(self, *transactions):
        found = captured.scripts(list(transactions), 1)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_shapes_differ_by_statements_and_words_only(self):
        found = captured.scripts([transaction(1), transaction(2, timeout=15), transaction(3, agency="H12.04"),
                                  transaction(4)[:2] + [COMMIT]], 1)
        self.assertEqual(sorted(script.weight for script in found), [1, 1, 2])
        self.assertEqual(len(captured.scripts([transaction(1), transaction(2), transaction(3, agency="H12.04")], 2)), 1)

    def test_what_varies_is_made_anew_of_its_length_and_equal_where_it_was(self):
        script = self.script(*map(transaction, range(5)))
        text = script.text
        made = r"(:s0c0::text || :v0::text)"
        self.assertEqual(text.count(made), 2)
        self.assertEqual(len(script.constants["s0c0"]) + captured.TEXT_DIGITS, len(name(1)))
        self.assertIn("random(0, 2)", text)
        self.assertIn(" 1795458844162759 + :k", text)
        # Neither the agency nor the body: they are the same in all.
        self.assertEqual(sorted(script.constants.values(), key=len)[1:], [name(0)[:-captured.TEXT_DIGITS], BODY])
        self.assertIn("IS NOT DISTINCT FROM NULL;", text)

    def test_several_statements_of_one_message_are_one_here_too(self):
        lines = self.script(*map(transaction, range(2))).text.splitlines()
        begin = lines.index(r"\startpipeline")
        self.assertEqual(lines[begin + 1:begin + 4], ["BEGIN;", "SET LOCAL statement_timeout = 29997;", r"\endpipeline"])
        self.assertEqual(lines[-1], "COMMIT;")

    def test_tokens_are_random_bytes_of_their_length(self):
        script = self.script(*([BEGIN, Statement("INSERT INTO p (token) VALUES ($1)", (r"\x" + f"{number:032x}",)), COMMIT]
                               for number in range(2)))
        self.assertIn("decode(:v0::text || :s0c0::text, 'hex')", script.text)
        self.assertEqual(captured.HEX_DIGITS + len(script.constants["s0c0"]), 32)

    def test_an_empty_text_is_no_variable(self):
        script = self.script([BEGIN, Statement("SELECT $1", ("",)), COMMIT])
        self.assertIn("SELECT ''::text;", script.text)
        self.assertEqual(script.constants, {})


if __name__ == "__main__":
    unittest.main()
