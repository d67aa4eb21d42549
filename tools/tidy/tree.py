"""The files of the repository, read once, and what every rule yields."""

import os
import pathlib
import re
import subprocess
from typing import NamedTuple

# Folders of other people's files: kept as they came, so no rule of style applies to them.
VENDORED = ("protos/google/", "protos/grpc/")
# Where there is no git to ask, these are what git would ignore.
UNTRACKED_FOLDERS = {".git", ".cache", "build", "node_modules", "__pycache__"}

LANGUAGES = {
    ".cc": "c++", ".h": "c++", ".py": "python", ".sh": "shell", ".proto": "proto", ".sql": "sql",
    ".cmake": "cmake", ".md": "markdown", ".js": "javascript", ".mjs": "javascript",
    ".ts": "javascript", ".css": "css", ".html": "html", ".java": "java", ".go": "go",
    ".yaml": "yaml", ".yml": "yaml", ".tpl": "yaml", ".textproto": "textproto",
}


class Finding(NamedTuple):
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


class File:
    """One file; `path` is relative to the root and has forward slashes."""

    def __init__(self, root, path):
        self.path = path
        self.name = path.rsplit("/", 1)[-1]
        self.folder = path.rsplit("/", 1)[0] if "/" in path else ""
        self.location = pathlib.Path(root, path)
        self.size = self.location.stat().st_size
        self.vendored = path.startswith(VENDORED)
        self._text = None
        self._cpp = None

    @property
    def text(self):
        """The content, or "" for what is not UTF-8 text."""
        if self._text is None:
            data = self.location.read_bytes()
            try:
                self._text = "" if b"\0" in data else data.decode("utf-8")
            except UnicodeDecodeError:
                self._text = ""
        return self._text

    @property
    def lines(self):
        return self.text.split("\n")

    @property
    def line_count(self):
        return self.text.count("\n") + (not self.text.endswith("\n") and self.text != "")

    @property
    def cpp(self):
        """The parsed form of a C++ file."""
        if self._cpp is None:
            import cpp  # not at the top: only C++ rules need it
            self._cpp = cpp.Source(self.text)
        return self._cpp

    @property
    def executable(self):
        return bool(self.location.stat().st_mode & 0o100)

    @property
    def language(self):
        if self.name == "CMakeLists.txt":
            return "cmake"
        suffix = os.path.splitext(self.name)[1]
        if suffix or not self.text.startswith("#!"):
            return LANGUAGES.get(suffix, "")
        first = self.text.split("\n", 1)[0]
        if "python" in first:
            return "python"
        return "shell" if re.search(r"\b(ba|da)?sh\b", first) else ""

    @property
    def is_test(self):
        return self.path.startswith("tests/") or bool(re.search(r"_test\.(cc|h|py|sh|js)$", self.name))

    @property
    def is_header(self):
        return self.name.endswith(".h")

    def within(self, *folders):
        """Whether the file lies in one of the folders (or below)."""
        return any(self.path.startswith(folder + "/") for folder in folders)

    def finding(self, line, rule, text):
        return Finding(self.path, line, rule, text)


class Tree:
    """Every file that git tracks or would track; `paths` also has every folder."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.files = [File(self.root, path) for path in sorted(list_paths(self.root))]
        self.by_path = {file.path: file for file in self.files}
        self.names = {file.name for file in self.files}
        self.paths = set(self.by_path)
        for path in self.by_path:
            while "/" in path:
                path = path.rsplit("/", 1)[0]
                self.paths.add(path)

    def own(self, *languages):
        """Files we write ourselves, of the languages named, or all."""
        for file in self.files:
            if not file.vendored and (not languages or file.language in languages):
                yield file


def list_paths(root):
    if os.path.exists(os.path.join(root, ".git")):
        listing = subprocess.run(
            ["git", "-C", root, "ls-files", "-coz", "--exclude-standard"],
            stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
        found = set(filter(None, listing.split("\0")))
    else:
        found = set()
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in UNTRACKED_FOLDERS]
            found.update(os.path.relpath(os.path.join(folder, name), root) for name in names)
    # Tracked but deleted, or a link: nothing to read.
    return [p for p in found
            if os.path.isfile(os.path.join(root, p)) and not os.path.islink(os.path.join(root, p))]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
