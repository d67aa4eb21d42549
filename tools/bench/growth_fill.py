"""Fills a database of dossiers with copies of real submissions, by SQL, so that a million takes minutes.

A copy is older than what it is a copy of: its name sorts before, so the first page of a list shows real dossiers, which
can be opened. Nine of ten copies have been returned; the others are open, have an officer and a later due date. What few
real people share, such as an ID number, each copy has for itself.
"""

import sqlite3

RETURNED, OPEN_EVERY, OFFICERS = 4, 10, 50
OFFICER = "officer-1"
# Microseconds: real ones are due in a day, copies from then on.
REAL_DUE, LATER_DUE = 4_000_000_000_000_000, 4_100_000_000_000_000
# Of the real dossiers: words of names have more, ID numbers and whole names fewer.
SHARED_BY = 3

NAME = "'dossiers/' || c.hex || substr(t.{0}, 18)"
OPEN = f"c.i % {OPEN_EVERY} = 0 AND t.agency = t.settling"
# Table -> column -> what a copy has in it; None: the same.
TABLES = {
    "dossiers": {"name": NAME.format("name"), "revision": None, "state": None, "procedure_code": None,
                 "intake_agency": None, "settling_agency": None, "submit_time": None, "body": None, "sealed": None},
    "dossier_list": {"agency": None, "name": NAME.format("name"),
                     "state": f"CASE WHEN c.i % {OPEN_EVERY} = 0 THEN t.state ELSE {RETURNED} END", "settling": None,
                     "procedure_code": None, "due": f"CASE WHEN {OPEN} THEN {LATER_DUE} + c.i ELSE 0 END",
                     "officer": f"CASE WHEN {OPEN} THEN 'officer-' || (c.i / {OPEN_EVERY} % {OFFICERS}) ELSE '' END"},
    "data_keys": {"subject": NAME.format("subject"), "kek_id": None, "sealed": None},
    "person_index": {"agency": None, "token": "{token}", "name": NAME.format("name")},
    "transitions": {"dossier": NAME.format("dossier"), "revision": None, "state": None, "command": None,
                    "settling_agency": None, "time": None, "system": None, "officer": None, "unit": None},
    "request_records": {"caller": None, "request_id": "c.hex || substr(t.request_id, 9)",
                        "subject": NAME.format("subject"), "answer": None, "expire_time": None},
    "feed": {"position": "t.position + c.i * 10000000", "id": "c.hex || substr(t.id, 9)", "aggregatetype": None,
             "aggregateid": NAME.format("aggregateid"), "type": None, "payload": None, "revision": None, "time": None,
             "audience": None, "traceparent": None},
}
TOKEN = ("CASE WHEN t.token IN (SELECT token FROM shared_tokens) THEN t.token ELSE {own} END")
COUNTS = ("DELETE FROM dossier_counts;",
          "INSERT INTO dossier_counts (agency, settles, state, shard, count) SELECT agency, CASE WHEN agency = settling "
          "THEN 1 ELSE 0 END, state, 0, COUNT(*) FROM dossier_list GROUP BY 1, 2, 3;")


def statements(own_token):
    """SQL of both engines but for `own_token`: a token of a copy's own. The table `copies` (i, hex) is there already."""
    made = [f"UPDATE dossier_list SET officer = '{OFFICER}', due = {REAL_DUE} WHERE agency = settling;",
            "CREATE TEMPORARY TABLE shared_tokens AS SELECT token FROM person_index GROUP BY token "
            f"HAVING COUNT(*) > {SHARED_BY};"]
    for table, columns in TABLES.items():
        names = ", ".join(columns)
        values = ", ".join(f"t.{name}" if value is None else value for name, value in columns.items())
        values = values.replace("{token}", TOKEN.format(own=own_token))
        made += [f"CREATE TEMPORARY TABLE real_{table} AS SELECT * FROM {table};",
                 f"INSERT INTO {table} ({names}) SELECT {values} FROM real_{table} t CROSS JOIN copies c ORDER BY 1, 2;"]
    return [*made, *COUNTS]


def fill_sqlite(path, copies):
    """Nobody else may use the file."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode = DELETE", "synchronous = OFF", "cache_size = -1000000", "journal_mode = OFF"):
            database.execute(f"PRAGMA {pragma}")
        database.create_function("own_token", 2, lambda token, i: token[:12] + i.to_bytes(4, "big"), deterministic=True)
        database.execute("CREATE TEMPORARY TABLE copies (i BIGINT, hex TEXT)")
        database.executemany("INSERT INTO copies VALUES (?, ?)", ((i, f"{i:08x}") for i in range(1, copies + 1)))
        for statement in statements("own_token(t.token, c.i)"):
            database.execute("BEGIN")
            database.execute(statement)
            database.execute("COMMIT")
    finally:
        database.close()


def fill_postgres(server, database, copies):
    script = ["SET synchronous_commit = off;", "SET work_mem = '1GB';",
              "CREATE TEMPORARY TABLE copies AS SELECT i::bigint AS i, lpad(to_hex(i), 8, '0') AS hex "
              f"FROM generate_series(1, {copies}) AS i;",
              *statements("substring(t.token FROM 1 FOR 12) || decode(c.hex, 'hex')")]
    server.query(database, "\n".join(script))
    server.query(database, "VACUUM ANALYZE")
    server.query(database, "CHECKPOINT")
