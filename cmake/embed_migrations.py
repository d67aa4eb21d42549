"""Writes OUT.h and OUT.cc with the migrations of a service as string literals. See lgsp_migrations."""
import pathlib
import sys

out, namespace, files = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]


def literal(path: pathlib.Path) -> str:
    return 'R"~sql~(' + path.read_text(encoding="utf-8") + ')~sql~"' if path.exists() else '""'


rows = []
for number, name in enumerate(files, start=1):
    path = pathlib.Path(name)
    rows.append(f"      {{{number}, {literal(path)}, {literal(path.with_suffix('.postgres.sql'))}}},\n")
out.parent.mkdir(parents=True, exist_ok=True)
out.with_suffix(".h").write_text(f"""#pragma once
#include <vector>

#include "libs/sql/sql.h"

namespace {namespace} {{
const std::vector<sql::Migration>& Migrations();
}}  // namespace {namespace}
""", encoding="utf-8")
out.with_suffix(".cc").write_text(f"""#include "{out.name}.h"

namespace {namespace} {{
const std::vector<sql::Migration>& Migrations() {{
  static const auto* migrations = new std::vector<sql::Migration>{{
{''.join(rows)}  }};
  return *migrations;
}}
}}  // namespace {namespace}
""", encoding="utf-8")
