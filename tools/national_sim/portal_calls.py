"""The form of a call of the portal: one JSON object, known names, rows that are checked."""

import json

from portal_fields import CODE_LIMIT, ROWS_LIMIT, FieldError, text


def parse(raw):
    try:
        call = json.loads(raw.decode(), parse_constant=refuse_constant,
                          object_pairs_hook=unique_names)
        json.dumps(call, ensure_ascii=False).encode()  # an escaped lone surrogate is not text
    except (ValueError, RecursionError) as error:
        raise FieldError("body", "is not JSON in UTF-8") from error
    if not isinstance(call, dict):
        raise FieldError("body", "is not a JSON object")
    return call


def refuse_constant(name):
    raise ValueError(name)


def unique_names(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def named_dossiers(call):
    """The dossiers a call is about, also when it will be refused."""
    if isinstance(call.get("mahoso"), str):
        return [call["mahoso"]]
    rows = call.get("data")
    rows = rows[:ROWS_LIMIT] if isinstance(rows, list) else []
    return [row["MaHoSo"] for row in rows
            if isinstance(row, dict) and isinstance(row.get("MaHoSo"), str)]


def check_names(call, names):
    for name in sorted(names - set(call)):
        raise FieldError(name, "is missing")
    for name in call:
        if name not in names:
            raise FieldError(name[:CODE_LIMIT], "unknown field")


def check_rows(rows, check):
    if not isinstance(rows, list) or not rows:
        raise FieldError("data", "must be a list with at least one row")
    if len(rows) > ROWS_LIMIT:
        raise FieldError("data", f"has more than {ROWS_LIMIT} rows")
    for row in rows:
        check(row)


def required_text(value, field):
    text(CODE_LIMIT)(value, field)
    if value == "":
        raise FieldError(field, "is empty")
