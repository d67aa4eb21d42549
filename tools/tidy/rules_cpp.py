"""Rules about C++: who may include what, what is never called, how long a function is."""

import re

# Each library may include itself and those before it.
LIBRARIES = ("status", "clock", "log", "metrics", "config", "text", "keys", "aip", "sql", "durable",
             "redis",
             "http", "auth", "rpc", "events", "evidence", "testing")
MAX_FUNCTION_LINES = 70


def own_folders(path):
    """("libs", "sql") of "libs/sql/pool.cc", ("tests", "") of "tests/wait.h"."""
    parts = path.split("/")
    return parts[0], parts[1] if len(parts) > 2 else ""


def direction_error(file, path):
    """Why `file` must not include `path`, or None."""
    kind, name = own_folders(file.path)
    to_kind, to_name = own_folders(path)
    if to_kind == "libs":
        if to_name not in LIBRARIES:
            return f"unknown library '{to_name}': add it to the order in tools/tidy/rules_cpp.py"
        if to_name == "testing" and not (file.is_test or file.within("libs/testing")):
            return "libs/testing is for tests: move what you need into the library it belongs to"
        if kind == "libs" and name in LIBRARIES and not (to_name == "testing" and file.is_test) \
                and LIBRARIES.index(to_name) > LIBRARIES.index(name):
            return f"libs/{name} comes before libs/{to_name}: pass a function or move the code up"
    elif to_kind == "services":
        if kind == "libs" or kind == "tools":
            return f"{kind} never include services: move the code to a library or call the service"
        if kind == "services" and name != to_name:
            return "a service never includes another: call it, or move the code to a library"
    elif to_kind == "tests" and kind != "tests":
        return "tests/ is included by nothing outside it: use libs/testing"
    elif to_kind == "tools" and (kind, name) != (to_kind, to_name) and kind != "tests":
        return "a tool is included by nothing else: move the code to a library"
    return None


def include_direction(tree):
    for file in tree.own("c++"):
        for include in file.cpp.includes():
            if include.quoted and "/" not in include.path:
                yield file.finding(include.line, "include-path",
                                   f'"{include.path}": write the path from the root, "{file.folder}/…"')
            reason = direction_error(file, include.path)
            if reason:
                yield file.finding(include.line, "include-direction", f'"{include.path}": {reason}')


def speaks_grpc(file):
    return (file.within("libs/rpc", "libs/events", "tools/lgsp") or file.is_test or file.name == "main.cc"
            or bool(re.search(r"_(service|client)\.(h|cc)$", file.name)))


def within(*folders):
    return lambda file: file.within(*folders)


# What is included -> who may, and the words for the others.
PRIVATE_INCLUDES = (
    (r"grpcpp/|grpc/(?!.*\.pb\.h$)|.*\.grpc\.pb\.h$", speaks_grpc,
     "gRPC is for libs/rpc, libs/events, *_service, *_client, main.cc, tests"),
    (r"openssl/", within("libs/keys", "libs/http", "libs/rpc", "libs/evidence", "services/gateway", "tools/bench"),
     "OpenSSL is for libs/keys, libs/http, libs/rpc, libs/evidence, services/gateway: use libs/keys"),
    (r"(boost|nghttp2)/", within("services/gateway", "tools/bench", "tests"),
     "the relay and its libraries are private to services/gateway"),
    (r"catch2/", lambda file: file.is_test or file.within("libs/testing"), "Catch2 is for tests"),
    (r"(.*/)?(sqlite3|libpq-fe)\.h$", within("libs/sql"), "use libs/sql"),
    (r"curl/", within("libs/http"), "use libs/http"),
    (r"prometheus/", within("libs/metrics"), "use libs/metrics"),
    (r"unicode/", within("libs/text"), "use libs/text"),
    (r"librdkafka/", within("libs/events"), "use libs/events"),
    (r"hiredis/", within("libs/redis"), "use libs/redis"),
    (r"nlohmann/", lambda file: file.within("services/national", "tools") or file.is_test,
     "use protobuf's JSON; nlohmann is for services/national, tools and tests"),
    (r"CLI/", within("tools/lgsp"), "use absl flags; CLI11 is for tools/lgsp"),
)


def private_includes(tree):
    rules = [(re.compile(pattern), allowed, text) for pattern, allowed, text in PRIVATE_INCLUDES]
    for file in tree.own("c++"):
        for include in file.cpp.includes():
            for pattern, allowed, text in rules:
                if pattern.match(include.path) and not allowed(file):
                    yield file.finding(include.line, "private-include", f"{include.path}: {text}")


def everywhere(file):
    return True


def outside_tests(file):
    return not file.is_test


def in_tests(file):
    return file.is_test


def in_headers(file):
    return file.is_header


# A call of the C function, not a member or another namespace's function of the same name.
FREE = r"(?<![\w.>:])(?:std::|::)?"
BANNED_CODE = (
    (r"\busing\s+namespace\b", in_headers, "'using namespace' in a header: name what you use"),
    (r"\bstd::string_view\b", in_headers, "std::string_view in a header: use absl::string_view"),
    (r"\bthrow\b", outside_tests, "throw: return an absl::Status"),
    (r"\bstd::cout\b", within("libs", "services"), "std::cout: use libs/log"),
    (FREE + r"[fv]?s?printf\s*\(", everywhere, "printf: use absl::StrFormat, and libs/log to write"),
    (FREE + r"assert\s*\(", everywhere, "assert vanishes in a release: return a Status, or static_assert"),
    (r"\bsleep_(?:for|until)\b|\bSleepFor\s*\(|" + FREE + r"(?:u|nano)?sleep\s*\(", in_tests,
     "a sleep in a test: wait for the condition, with a limit"),
    (FREE + r"s?rand\s*\(", everywhere, "rand: use absl::BitGen, or libs/keys for secrets"),
    (FREE + r"(?:gmtime|localtime)\s*\(", everywhere, "not thread-safe: use absl::Time and libs/clock"),
    (FREE + r"strtok\s*\(", everywhere, "strtok: use absl::StrSplit"),
    (FREE + r"system\s*\(\s*[^)\s]", everywhere, "system: call the library instead of a shell"),
)


def banned_code(tree):
    rules = [(re.compile(pattern), applies, text) for pattern, applies, text in BANNED_CODE]
    for file in tree.own("c++"):
        for pattern, applies, text in rules:
            if applies(file):
                for line, _ in file.cpp.find(pattern):
                    yield file.finding(line, "banned", text)


def function_length(tree):
    for file in tree.own("c++"):
        for function in file.cpp.functions():
            if function.lines > MAX_FUNCTION_LINES:
                yield file.finding(function.line, "function-length",
                                   f"{function.lines} lines, at most {MAX_FUNCTION_LINES}: split "
                                   f"'{function.head[:60]}'")


RULES = (include_direction, private_includes, banned_code, function_length)
