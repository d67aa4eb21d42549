"""Rules about files: their names, sizes, and that the build knows them."""

import re

BANNED_PARTS = {"util", "utils", "common", "helper", "helpers", "manager", "misc"}
COPY_SUFFIX = re.compile(r"[_-](new|legacy|old|copy|v[2-9])$")
MAX_LINES = 400
MAX_TEST_LINES = 800
MAX_MAIN_LINES = 80
MAX_BYTES = 2 << 20
GENERATED = re.compile(r"\.(o|a|so|pyc|orig|rej|swp|class)$|\.pb\.(cc|h)$|_pb2(_grpc)?\.py$")


def banned_names(tree):
    """A name that says nothing about what is inside attracts everything."""
    seen = set()
    for file in tree.own():
        path = ""
        for part in file.path.split("/"):
            path = f"{path}/{part}" if path else part
            if path in seen:
                continue
            seen.add(path)
            stem = part.split(".")[0] or part
            banned = BANNED_PARTS.intersection(re.split(r"[_.-]", part.lower()))
            if banned:
                yield file.finding(1, "name", f"'{min(banned)}' in '{path}': name it by what it does")
            if COPY_SUFFIX.search(stem):
                yield file.finding(1, "name", f"'{path}' is a copy: change the original in place")


def file_length(tree):
    for file in tree.own("c++", "python", "shell"):
        limit = MAX_TEST_LINES if file.is_test else MAX_LINES
        if file.name == "main.cc":
            limit = MAX_MAIN_LINES
        if file.line_count > limit:
            yield file.finding(limit + 1, "file-length",
                               f"{file.line_count} lines, at most {limit}: split it by responsibility")


def cmake_tokens(file):
    text = re.sub(r"#[^\n]*", "", file.text)
    text = re.sub(r"\$\{(CMAKE_CURRENT_SOURCE_DIR|CMAKE_CURRENT_LIST_DIR)\}/", "", text)
    return set(re.split(r'[\s()";]+', text))


def named_in_cmake(tree, file, tokens):
    """Whether the CMakeLists.txt of the file's folder, or of one above it, names the file."""
    folder = file.folder
    while True:
        prefix = folder + "/" if folder else ""
        known = tokens.get(prefix + "CMakeLists.txt", ())
        if file.path[len(prefix):] in known or "${PROJECT_SOURCE_DIR}/" + file.path in known:
            return True
        if not folder:
            return False
        folder = folder.rsplit("/", 1)[0] if "/" in folder else ""


def sources_in_targets(tree):
    """A source that no target builds is dead and untested."""
    cmake = [file for file in tree.files if file.name == "CMakeLists.txt"]
    tokens = {file.path: cmake_tokens(file) for file in cmake}
    globbed = any(token.startswith("GLOB") for token in tokens.get("protos/CMakeLists.txt", ()))
    for file in tree.own():
        if file.name.endswith(".cc"):
            wanted = file.within("libs", "services", "tools", "tests")
        else:
            wanted = file.name.endswith(".proto") and not (globbed and file.within("protos"))
        if wanted and not named_in_cmake(tree, file, tokens):
            yield file.finding(1, "no-target", "no CMakeLists.txt of its folder or above names it: add it "
                                               "to a target or delete it")


def junk(tree):
    for file in tree.files:
        if file.size > MAX_BYTES and not file.within("deploy/catalog"):
            yield file.finding(1, "junk", f"{file.size} bytes, at most {MAX_BYTES}: make it at build time")
        if GENERATED.search(file.name):
            yield file.finding(1, "junk", "generated: make it at build time and keep it out of git")


RULES = (banned_names, file_length, sources_in_targets, junk)
