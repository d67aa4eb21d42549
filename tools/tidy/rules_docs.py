"""Rules about what is promised to readers: paths and commands in documents, fields of configurations."""

import posixpath
import re

EXTENSIONS = ("c cc h py sh sql proto textproto md txt cmake json yaml yml js mjs ts css html csv binpb xml "
              "service conf tpl toml java go svg png").split()
NOT_A_PATH = re.compile(r"[\s<>*{}\[\]()$|=,;\"'@#%&?!+:\\…]|\.\.\.")
UNCHECKED = ("/", "~", "DIR/", "build/", ".cache/")
FENCE = re.compile(r"^\s*(```|~~~)\s*(\w*)")
CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def split_document(file):
    """((line, text) of prose, (line, text) of lines of fenced shell code)."""
    prose, commands, fence = [], [], None
    for number, line in enumerate(file.lines, start=1):
        match = FENCE.match(line)
        if fence is None and match:
            fence = (match[1], match[2])
        elif fence is not None and match and match[1] == fence[0]:
            fence = None
        elif fence is None:
            prose.append((number, line))
        elif fence[1] in ("sh", "bash", "shell", "console"):
            commands.append((number, line))
    return prose, commands


def exists(tree, file, path):
    for base in (file.folder, ""):
        if posixpath.normpath(posixpath.join(base, path)) in tree.paths | {"."}:
            return True
    # A bare name stands for any file so called: "each service has its `main.cc`".
    return "/" not in path and path in tree.names


def is_extension(path):
    return "." in path[1:] and path.rsplit(".", 1)[1] in EXTENSIONS


def checkable(tree, file, path):
    """Whether text in backticks is meant as a path of this repository.

    Media types, resource names and methods have slashes too, so a path is what begins with a folder that
    the repository or the document's own folder has, or what ends in an extension we use.
    """
    if NOT_A_PATH.search(path) or path.startswith(UNCHECKED) or ".pb." in path:
        return False
    if is_extension(path):
        return True
    first = path.split("/")[0]
    return "/" in path and (first in tree.paths or posixpath.join(file.folder, first) in tree.paths)


def paths_in_documents(tree):
    for file in tree.own("markdown"):
        for number, line in split_document(file)[0]:
            spans = [s.removeprefix("./").rstrip("/") for s in CODE_SPAN.findall(line)]
            links = [link.split("#")[0] for link in LINK.findall(CODE_SPAN.sub("", line))]
            wanted = [s for s in spans if checkable(tree, file, s)]
            wanted += [link for link in links
                       if link and ":" not in link and not link.startswith(UNCHECKED)]
            for path in wanted:
                if not exists(tree, file, path):
                    yield file.finding(number, "no-such-path",
                                       f"'{path}' does not exist: correct the document")


def commands_in_documents(tree):
    for file in tree.own("markdown"):
        for number, line in split_document(file)[1]:
            words = line.strip().removeprefix("$ ").split()
            while words and re.match(r"\w+=|sudo$", words[0]):
                words.pop(0)
            command = words[0].removeprefix("./") if words else ""
            if not command.startswith("tools/") or NOT_A_PATH.search(command):
                continue
            target = tree.by_path.get(command)
            if target is None:
                yield file.finding(number, "no-such-command",
                                   f"'{command}' does not exist: correct the document")
            elif not target.executable:
                yield file.finding(number, "no-such-command", f"'{command}' is not executable: chmod +x")


FIELD = re.compile(r"^\s*(?:repeated\s+|optional\s+)?(?:map\s*<[^>]*>|[A-Za-z_][\w.]*)\s+([a-z]\w*)\s*=\s*\d+\s*[;\[]", re.M)


def unused_configuration(tree):
    """A field that nothing reads is a promise to operators that is not kept."""
    for file in tree.own("proto"):
        match = re.fullmatch(r"(services/\w+)/config\.proto", file.path)
        if not match:
            continue
        code = "\n".join(source.cpp.code for source in tree.own("c++")
                         if source.within(match[1], "libs") and not source.is_test)
        proto = re.sub(r"//[^\n]*", "", file.text)
        for field in FIELD.finditer(proto):
            if not re.search(rf"\b(?:has_|mutable_)?{field[1]}(?:_size)?\s*\(", code):
                yield file.finding(proto.count("\n", 0, field.start(1)) + 1, "unused-config",
                                   f"nothing reads '{field[1]}': use it or delete it")


RULES = (paths_in_documents, commands_in_documents, unused_configuration)
