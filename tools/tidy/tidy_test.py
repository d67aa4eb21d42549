#!/usr/bin/python3
"""Every rule of tidy, on trees that break it and on trees that do not."""

import contextlib
import hashlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import cpp
import tidy

# In two pieces wherever tidy, which reads this file too, would find the whole.
UNFINISHED_MARK = "TO" + "DO"
MACHINE_FOLDER = "/ho" + "me/"


def lines(count):
    return "x = 1\n" * count


class TidyTest(unittest.TestCase):
    def findings(self, files):
        """`path:line rule` of every finding in a tree of these files (path -> content)."""
        with tempfile.TemporaryDirectory() as root:
            for path, content in files.items():
                target = pathlib.Path(root, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                data = content if isinstance(content, bytes) else content.encode()
                target.write_bytes(data)
                if data.startswith(b"#!"):
                    target.chmod(0o755)
            return [f"{f.path}:{f.line} {f.rule}" for f in tidy.check(root)[1]]

    def assert_finds(self, files, *expected):
        self.assertEqual(self.findings(files), sorted(expected))

    def code(self, path, content, *rules, line=1):
        """Checks one C++ file, named in its CMakeLists.txt: the rules it breaks, all at `line`."""
        folder, name = path.rsplit("/", 1)
        self.assert_finds({path: content, f"{folder}/CMakeLists.txt": f"lgsp_library(x SOURCES {name})"},
                          *(f"{path}:{line} {rule}" for rule in rules))


class LayoutTest(TidyTest):
    def test_names(self):
        self.assert_finds({"libs/log/string_utils.h": ""}, "libs/log/string_utils.h:1 name")
        self.assert_finds({"libs/common/a.h": "", "libs/common/b.h": ""}, "libs/common/a.h:1 name")
        self.assert_finds({"tools/task-manager": ""}, "tools/task-manager:1 name")
        self.assert_finds({"libs/log/log_new.h": ""}, "libs/log/log_new.h:1 name")
        self.assert_finds({"libs/log/log_v2.h": ""}, "libs/log/log_v2.h:1 name")
        self.assert_finds({"libs/log/utility_bill.h": "", "deploy/alertmanager/rules.yml": "",
                           "protos/x/v2/a.txt": "", "libs/log/new_line.h": "",
                           "protos/google/util/x.h": ""})

    def test_file_length(self):
        self.assert_finds({"tools/a.py": lines(401)}, "tools/a.py:401 file-length")
        self.assert_finds({"tools/a": "#!/usr/bin/env bash\n" + lines(400)}, "tools/a:401 file-length")
        self.assert_finds({"libs/log/a.h": "\n" * 401}, "libs/log/a.h:401 file-length")
        self.assert_finds({"tools/a_test.py": lines(801)}, "tools/a_test.py:801 file-length")
        self.code("services/gateway/main.cc", "\n" * 81, "file-length", line=81)
        self.assert_finds({"tools/a.py": lines(400), "tools/a_test.py": lines(800),
                           "tests/run.py": lines(800), "a.csv": lines(900),
                           "protos/google/api/x.h": lines(900)})
        self.code("services/gateway/main.cc", "\n" * 80)

    def test_targets(self):
        self.assert_finds({"libs/log/log.cc": "", "libs/log/CMakeLists.txt": "# log.cc\n"},
                          "libs/log/log.cc:1 no-target")
        self.assert_finds({"libs/log/log.cc": "", "libs/log/CMakeLists.txt": "lgsp_library(log SOURCES blog.cc)"},
                          "libs/log/log.cc:1 no-target")
        self.assert_finds({"tests/e2e/a_test.cc": "",
                           "tests/CMakeLists.txt": "lgsp_test(a SOURCES e2e/a_test.cc)"})
        self.assert_finds({"libs/log/log.cc": "",
                           "libs/log/CMakeLists.txt": "add_library(a ${CMAKE_CURRENT_SOURCE_DIR}/log.cc)"})

    def test_protos(self):
        proto = "protos/lgsp/a/v1/a.proto"
        self.assert_finds({proto: "", "protos/CMakeLists.txt": "set(P lgsp/b.proto)"},
                          f"{proto}:1 no-target")
        self.assert_finds({proto: "", "protos/CMakeLists.txt": "set(P lgsp/a/v1/a.proto)"})
        self.assert_finds({proto: "", "protos/CMakeLists.txt": "file(GLOB_RECURSE P lgsp/*.proto)"})
        self.assert_finds({"libs/rpc/calls.proto": "",
                           "libs/rpc/CMakeLists.txt": "lgsp_private_proto(a calls.proto)"})

    def test_junk(self):
        self.assert_finds({"a.bin": b"\0" * (2 << 20) + b"\0"}, "a.bin:1 junk")
        self.assert_finds({"lib/x.pb.cc": ""}, "lib/x.pb.cc:1 junk")
        self.assert_finds({"a.bin": b"\0" * (2 << 20), "deploy/catalog/a.csv": "x" * (3 << 20)})


class IncludeTest(TidyTest):
    def test_direction(self):
        for path, include in (("libs/log/log.cc", "libs/sql/pool.h"),
                              ("libs/log/log.cc", "services/gateway/a.h"),
                              ("libs/log/log.cc", "libs/testing/wait.h"),
                              ("libs/log/log.cc", "libs/strings/a.h"),
                              ("services/dossiers/a.cc", "services/gateway/b.h"),
                              ("services/dossiers/a.cc", "libs/testing/wait.h"),
                              ("services/dossiers/a.cc", "tests/wait.h"),
                              ("tools/bench/a.cc", "services/gateway/b.h"),
                              ("tools/bench/a.cc", "tools/lgsp/b.h")):
            with self.subTest(path=path, include=include):
                self.code(path, f'\n#include "{include}"\n', "include-direction", line=2)

    def test_direction_allowed(self):
        for path, include in (("libs/sql/pool.cc", "libs/log/log.h"),
                              ("libs/sql/pool.cc", "libs/sql/pool.h"),
                              ("libs/log/log_test.cc", "libs/testing/wait.h"),
                              ("services/dossiers/a.cc", "libs/events/feed.h"),
                              ("services/dossiers/a.cc", "services/dossiers/a.h"),
                              ("services/dossiers/a.cc", "lgsp/dossiers/v1/dossiers.pb.h"),
                              ("tests/e2e/a.cc", "services/gateway/a.h"),
                              ("tools/lgsp/a.cc", "libs/sql/pool.h")):
            with self.subTest(path=path, include=include):
                self.code(path, f'#include "{include}"\n')
        self.code("libs/log/log.cc", '// #include "libs/sql/pool.h"\n/*\n#include "libs/sql/pool.h"\n*/\n')

    def test_path(self):
        self.code("libs/log/log.cc", '#include "log.h"\n', "include-path")

    def test_private(self):
        allowed = {
            "grpcpp/grpcpp.h": ("libs/rpc/a.cc", "libs/events/a.cc", "services/a/b_service.h",
                                "services/a/b_client.cc",
                                "services/a/main.cc", "services/a/b_test.cc", "tests/e2e/a.cc",
                                "tools/lgsp/a.cc"),
            "grpc/grpc.h": ("libs/rpc/a.cc",),
            "lgsp/a/v1/a.grpc.pb.h": ("services/a/b_service.cc",),
            "openssl/evp.h": ("libs/keys/a.cc", "libs/http/a.cc", "libs/rpc/a.cc", "libs/evidence/a.cc",
                              "services/gateway/a.cc"),
            "boost/asio.hpp": ("services/gateway/a.cc", "services/gateway/a_test.cc", "tests/fuzz/a.cc"),
            "nghttp2/nghttp2.h": ("services/gateway/a.cc",),
            "catch2/catch.hpp": ("libs/testing/a.cc", "libs/log/a_test.cc"),
            "sqlite3.h": ("libs/sql/a.cc",), "libpq-fe.h": ("libs/sql/a.cc",),
                   "curl/curl.h": ("libs/http/a.cc",),
            "prometheus/registry.h": ("libs/metrics/a.cc",), "unicode/uchar.h": ("libs/text/a.cc",),
            "librdkafka/rdkafka.h": ("libs/events/a.cc",), "hiredis/hiredis.h": ("libs/redis/a.cc",),
            "nlohmann/json.hpp": ("services/national/a.cc", "tools/bench/a.cc", "services/a/b_test.cc"),
            "CLI/CLI.hpp": ("tools/lgsp/a.cc",),
        }
        for include, paths in allowed.items():
            with self.subTest(include=include):
                self.code("libs/status/a.cc", f"#include <{include}>\n", "private-include")
                for path in paths:
                    self.code(path, f"#include <{include}>\n")
        self.code("libs/log/a.cc", '#include "openssl/evp.h"\n', "private-include")
        self.code("libs/status/a.cc", '#include "grpc/health/v1/health.pb.h"\n#include <vector>\n')


class CodeTest(TidyTest):
    def test_banned(self):
        header, source, test = "libs/log/a.h", "libs/log/a.cc", "libs/log/a_test.cc"
        for path, text in (
                (header, "using namespace std;"), (header, "void F(std::string_view s);"),
                           (source, "throw x;"),
                (source, "std::cout << 1;"), (source, 'printf("x");'),
                           (source, 'std::fprintf(stderr, "x");'),
                (source, "assert(x);"), (test, "std::this_thread::sleep_for(x);"), (test, "usleep(1);"),
                (test, "::sleep(1);"), (test, "absl::SleepFor(x);"), (source, "int i = rand();"),
                (source, "gmtime(&t);"), (source, "std::localtime(&t);"), (source, "strtok(a, b);"),
                (source, "system(command);"), (source, "std::system(command);")):
            with self.subTest(path=path, text=text):
                self.code(path, "\n" + text + "\n", "banned", line=2)

    def test_not_banned(self):
        header, source, test = "libs/log/a.h", "libs/log/a.cc", "libs/log/a_test.cc"
        for path, text in (
                (source, "using namespace std;"), (source, "std::string_view s;"), (test, "throw x;"),
                ("tools/lgsp/a.cc", "std::cout << 1;"), (source, 'absl::PrintF("x");'),
                           (source, "static_assert(x);"),
                (source, "sleep_for(x);"), (source, "caller.system();"), (source, "caller->system(x);"),
                (source, "std::string system() const;"), (source, "gmtime_r(&t, &tm);"),
                           (source, "// throw it"),
                (source, 'Log("throw rand() system(x) assert(");'), (source, "auto s = R\"(throw \" x)\";"),
                (source, "int i = 1'000'000; // rand() isn't"), (source, "char c = '\"'; Call('\\'');")):
            with self.subTest(path=path, text=text):
                self.code(path, text + "\n")

    def test_function_length(self):
        body = "  Call();\n" * 68
        for head in ("int F(int a) {", "TEST_CASE(\"x\", \"[y]\") {", "A::A() : a_{1}, b_(2) {",
                     "template <class T>\nT F() {", "auto F() -> int {",
                     "bool A::operator==(const A& o) const {",
                     "const auto kF = [](int a) {", "void F(O o = {}) {",
                     "class A {\n public:\n  void F() {"):
            with self.subTest(head=head):
                extra = head.count("\n") if "class A" not in head else 0
                ends = "}\n" + ("};\n" if "class A" in head else "")
                short = f"namespace n {{\n{head}\n{body[:len(body) - 10 * extra]}{ends}}}\n"
                self.code("libs/log/a.cc", short)
                long = f"namespace n {{\n\n{head}\n{body}  Call();\n{ends}}}\n"
                self.code("libs/log/a.cc", long, "function-length", line=5 if "class A" in head else 3)

    def test_not_functions(self):
        rows = "    {1, \"a(b)\"},\n" * 90
        for head, end in (("constexpr Row kRows[] = {", "};"), ("enum class E {", "};"),
                          ("struct S : T<int(int)> {", "};"),
                          ("const auto kRows = std::to_array<Row>({", "});"),
                          ("std::vector<Row> rows{", "};")):
            with self.subTest(head=head):
                self.code("libs/log/a.cc", f"{head}\n{rows}{end}\n")

    def test_functions(self):
        source = cpp.Source("""
#define OPEN {
namespace {
struct S {
  S() : a_{1}, b_{2} {}
  int Get() const { return a_; }
  int a_{1};
};
}  // namespace
extern "C" {
void C(void) {}
}
S Make(S s = {}, int x = F({1})) {
  auto f = [&] { return s; };
  for (int i = 0; i < 3; ++i) {
  }
  return f();
}
S::S(int a) noexcept
    : a_(a), f_([] { return 1; }) {
  Do();
}
""")
        self.assertEqual([(f.line, f.lines) for f in source.functions()],
                         [(5, 1), (6, 1), (11, 1), (13, 6), (19, 4)])


class TextTest(TidyTest):
    def test_machine_paths(self):
        self.assert_finds({"a.md": "see " + MACHINE_FOLDER + "x"}, "a.md:1 machine-path")
        self.assert_finds({"a": "x\ncd \"" + MACHINE_FOLDER + "x\"\n"}, "a:2 machine-path")
        self.assert_finds({"a.md": "https://x.vn" + MACHINE_FOLDER, "b": b"\0" + MACHINE_FOLDER.encode(),
                           "c": "$DIR" + MACHINE_FOLDER})

    def test_unfinished(self):
        self.assert_finds({"a.py": f"x = 1\n# {UNFINISHED_MARK}: y\n"}, "a.py:2 unfinished")
        self.assert_finds({"a.yaml": "# FIX" "ME\n"}, "a.yaml:1 unfinished")
        self.assert_finds({"a.py": f"# {UNFINISHED_MARK.lower()} {UNFINISHED_MARK}S\n",
                           "a.csv": UNFINISHED_MARK,
                           "a": "#!/bin/sh\nmktemp XXXXXX\n"})

    def test_skipped(self):
        test = "libs/log/a_test.cc"
        for text in ('TEST_CASE("a", "[.]") {}', 'TEST_CASE("a", "[log][.slow]") {}',
                     'TEST_CASE("a", "[!mayfail]") {}',
                     "SKIP();", "TEST(A, DISABLED" + "_B) {}"):
            with self.subTest(text=text):
                self.code(test, text + "\n", "skipped-test")
        for text in ('TEST_CASE("a [.]", "[log]") {}', 'Match("[.]x");', "x.SKIP();", "// SKIP("):
            with self.subTest(text=text):
                self.code(test, text + "\n")
        self.assert_finds({"a_test.py": "@unittest" + ".skip('x')\n"}, "a_test.py:1 skipped-test")
        self.assert_finds({"a_test.py": "@pytest.mark" + ".xfail\n"}, "a_test.py:1 skipped-test")
        self.assert_finds({"a.test.js": "it.skip('x')\n"}, "a.test.js:1 skipped-test")
        self.assert_finds({"tests/CMakeLists.txt": "set_tests_properties(a PROPERTIES DISABLED TRUE)"},
                          "tests/CMakeLists.txt:1 skipped-test")
        self.assert_finds({"a_test.py": "rows.skip(1)\n", "a.js": "reader.skip(1)\n"})

    def test_sql_files(self):
        path = "services/dossiers/migrations/0001_a.sql"
        for sql in ("SELECT a::text FROM t", "SELECT now()", "CREATE TABLE t (id BIGSERIAL)",
                    "CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY)", "SELECT a FROM t OFFSET 2",
                    "select * from t", "SELECT t.* FROM t", "SELECT a FROM t WHERE a LIKE 'x'",
                    "SELECT GREATEST(1, 2)"):
            with self.subTest(sql=sql):
                self.assert_finds({path: "\n" + sql}, f"{path}:2 sql")
        self.assert_finds({path: "-- NOW() and OFFSET\nSELECT 'a::b LIKE', COUNT(*), serial FROM t WHERE a=:a AND likes=1"})

    def test_frozen_migrations(self):
        frozen = "tools/tidy/frozen_migrations.sha256"
        digest = hashlib.sha256(b"CREATE TABLE t (id BIGINT);\n").hexdigest()
        path = "services/x/migrations/0001_t.sql"
        self.assert_finds({path: "CREATE TABLE t (id BIGINT);\n", frozen: f"{digest}  {path}\n"})
        self.assert_finds({path: "CREATE TABLE t (id TEXT);\n", frozen: f"{digest}  {path}\n"},
                          f"{path}:1 frozen-migration")
        self.assert_finds({frozen: f"{digest}  {path}\n"}, f"{frozen}:1 frozen-migration")

    def test_sql_literals(self):
        path = "services/dossiers/a.cc"
        self.code(path, 'auto s = "SELECT a "\n         "FROM t "\n         "LIMIT 1 OFFSET 2";\n', "sql",
                  line=3)
        self.code(path, 'auto s = R"sql(\n  -- why\n  UPDATE t SET a=NOW())sql";\n', "sql", line=3)
        self.code(path, 'auto s = "SELECT a\\nFROM t\\nOFFSET 2";\n', "sql")
        self.code(path, 'auto s = "offset: now() LIKE ::"; auto t = "SELECT a FROM t"; auto u = "OFFSET 1";\n')
        self.code("libs/log/a.cc", 'auto s = "SELECT * FROM t";\n')


class DocumentTest(TidyTest):
    def test_paths(self):
        self.assert_finds({"README.md": "x\nsee `libs/log/gone.h`, `libs/gone`, `gone.md`\n[x](gone/)\n",
                           "libs/log/log.h": ""},
                          "README.md:2 no-such-path", "README.md:2 no-such-path",
                          "README.md:2 no-such-path",
                          "README.md:3 no-such-path")
        self.assert_finds({
            "README.md": "`libs/log`, `libs/log/`, `libs/log/log.h`, `./libs/log`, `log.h`, [x](libs/log/log.h#a)\n"
                         "`application/json`, `a b/c.h`, `x/<y>.h`, `*.h`, `/etc/x.conf`, `~/x.conf`, `DIR/x.conf`, "
                         "`$A/x.conf`, `build/x.json`, `.cache/x.json`, `participants/H12`, `libs/log/log.h:12`\n"
                         "[x](https://x.vn/a.html), [y](#z), `log.pb.h`\n```\n`libs/gone`\n```\n",
            "libs/log/README.md": "`log.h` [up](../../README.md) `libs/log/log.h`\n", "libs/log/log.h": ""})

    def test_commands(self):
        self.assert_finds({"README.md": "```sh\ntools/gone --x\n```\n"}, "README.md:2 no-such-command")
        self.assert_finds({"README.md": "```console\n$ tools/data\n```\n", "tools/data": "x"},
                          "README.md:2 no-such-command")
        self.assert_finds({"README.md": "```sh\n# tools/gone\nA=1 tools/run --x\nls tools/gone\n```\n```\ntools/gone\n```\n",
                           "tools/run": "#!/bin/sh\n"})

    def test_configuration(self):
        proto = ("message Config {\n  // why\n  string listen = 1;\n  repeated int32 ports = 2;\n  map<string, string> names = 3;\n"
                 "  enum E { NONE = 0; }\n}\n")
        cmake = "lgsp_private_proto(a config.proto)\nlgsp_library(a SOURCES a.cc a_test.cc)"
        files = {"services/a/config.proto": proto, "services/a/CMakeLists.txt": cmake,
                 "services/a/a_test.cc": "c.names();"}
        self.assert_finds({**files, "services/a/a.cc": "c.listen(); // ports()\n"},
                          "services/a/config.proto:4 unused-config",
                          "services/a/config.proto:5 unused-config")
        self.assert_finds({**files, "services/a/a.cc": "c.listen(); c.ports_size(); c.names().at(x);\n"})
        self.assert_finds({**files, "services/b/b.h": "listen() ports() names()",
                           "services/a/a.cc": "ports() names()"},
                          "services/a/config.proto:3 unused-config")


class MainTest(TidyTest):
    def run_main(self, root):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = tidy.main(["--root", root])
        return code, out.getvalue()

    def test_output(self):
        with tempfile.TemporaryDirectory() as root:
            pathlib.Path(root, "a.py").write_text("x = 1\n")
            self.assertEqual(self.run_main(root), (0, "tidy: 1 files, 0 findings\n"))
            pathlib.Path(root, "misc.py").write_text("x = 1\n")
            code, out = self.run_main(root)
            self.assertEqual(code, 1)
            self.assertRegex(out, r"\Amisc\.py:1: name: 'misc' .*\ntidy: 2 files, 1 findings\n\Z")

    def test_git_decides_what_is_checked(self):
        with tempfile.TemporaryDirectory() as root:
            subprocess.run(["git", "init", "-q", root], check=True)
            pathlib.Path(root, ".gitignore").write_text("out/\n")
            pathlib.Path(root, "out").mkdir()
            pathlib.Path(root, "out/misc.py").write_text("")
            pathlib.Path(root, "link").symlink_to("nowhere")
            self.assertEqual(self.run_main(root), (0, "tidy: 1 files, 0 findings\n"))
            pathlib.Path(root, "misc.py").write_text("")
            self.assertEqual(self.run_main(root)[0], 1)


if __name__ == "__main__":
    unittest.main()
