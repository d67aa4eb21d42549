"""Just enough of C++ to see its includes, string literals and functions.

It is no parser: it expects code laid out by clang-format and balanced braces. Comments and the insides of
literals are blanked first, with every offset kept, so that rules can search what is left.
"""

import re
from typing import NamedTuple

from tree import line_of

TOKEN = re.compile(
    r"""(?P<number>\b\d(?:'?[\w.])*)"""
    r"""|(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)"""
    r"""|(?<!\w)(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\((?P<raw>.*?)\)(?P=tag)\""""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*")"""
    r"""|(?P<char>'(?:\\.|[^'\\\n])+')""", re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)


class Literal(NamedTuple):
    """Adjacent string literals, as the compiler joins them; escapes are left as written."""
    text: str
    raw: bool
    offsets: tuple  # offset in the file of each character of text


class Include(NamedTuple):
    line: int
    path: str
    quoted: bool


class Function(NamedTuple):
    line: int
    lines: int
    head: str


def blank(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    def __init__(self, text):
        self.text = text
        self._literals = []
        self.code = TOKEN.sub(self._mask, text)
        self.body = DIRECTIVE.sub(lambda m: blank(m[0]), self.code)

    def _mask(self, match):
        if match["number"] is not None:
            return match[0]
        if match["comment"] is not None:
            return blank(match[0])
        if match["char"] is None:
            raw = match["raw"] is not None
            begin = match.start("raw") if raw else match.start() + 1
            end = match.end("raw") if raw else match.end() - 1
            self._literals.append((match.start(), match.end(), begin, end, raw))
        return '"' + blank(match[0][1:-1]) + '"'

    def literals(self):
        group, raw, last_end = [], False, None
        for start, end, begin, stop, is_raw in self._literals:
            if last_end is not None and self.code[last_end:start].strip():
                yield self._join(group, raw)
                group, raw = [], False
            group.append((begin, stop))
            raw = raw or is_raw
            last_end = end
        if group:
            yield self._join(group, raw)

    def _join(self, spans, raw):
        offsets = tuple(i for begin, end in spans for i in range(begin, end))
        return Literal("".join(self.text[begin:end] for begin, end in spans), raw, offsets)

    def includes(self):
        for number, (line, code) in enumerate(
                zip(self.text.split("\n"), self.code.split("\n")), start=1):
            match = INCLUDE.match(line)
            if match and code.lstrip().startswith("#"):
                yield Include(number, match[1] or match[2], match[2] is not None)

    def find(self, pattern):
        """(line, match) of every match of the compiled pattern in the code."""
        for match in pattern.finditer(self.code):
            yield line_of(self.code, match.start()), match

    def functions(self):
        return find_functions(self.body)


def match_braces(body):
    """Offset of each `{` -> offset of its `}`; what is unbalanced ends with the file."""
    pairs, stack = {}, []
    for match in re.finditer(r"[{}]", body):
        if match[0] == "{":
            stack.append(match.start())
        elif stack:
            pairs[stack.pop()] = match.start()
    for begin in stack:
        pairs[begin] = len(body) - 1
    return pairs


def strip_template(head):
    """`head` without its leading `template <…>`s, labels and attributes."""
    while True:
        head = re.sub(r"^\s*(?:(?:public|private|protected)\s*:|\[\[[^\]]*\]\])", "", head).lstrip()
        match = re.match(r"template\s*<", head)
        if not match:
            return head
        depth, i = 1, match.end()
        while i < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[i], 0)
            i += 1
        head = head[i:]


def outside_parentheses(head):
    """`head` with what is inside () and [] dropped, and the depth left open at its end."""
    depth, kept = 0, []
    for c in head:
        if c in ")]":
            depth -= 1
        if depth == 0:
            kept.append(c)
        if c in "([":
            depth += 1
    return "".join(kept), depth


def classify(head):
    """What a brace after `head` opens: "scope", "function", or "value" (an initialiser inside the head)."""
    head = strip_template(head)
    if re.match(r"(?:inline\s+)?namespace\b|extern\s*\"|(?:typedef\s+)?(?:class|struct|union|enum)\b",
                head):
        return "scope"
    plain = re.sub(r"operator\s*[^\s\w(]+", "operator", head)
    outer, open_parentheses = outside_parentheses(plain)
    if open_parentheses > 0:
        return "value"
    if "=" in outer:
        # A lambda with a name is a function; any other initialiser is data.
        return "function" if re.search(r"=\s*\[", plain) and outer.rstrip()[-1:] != "=" else "value"
    if "(" not in outer and "operator" not in outer:
        return "value"
    # Constructor's initialisers: `: a_{1}, b_(2) {`: only the last brace is the body.
    if re.search(r"\)[\s\w]*(?<!:):(?!:)", outer) and head.rstrip()[-1:] not in ")}":
        return "value"
    return "function"


def find_functions(body):
    """Every function that is not inside another: its first line, its length with head, its head."""
    pairs = match_braces(body)
    found, head, i, start = [], "", 0, 0
    delimiter = re.compile(r"[{};]")
    while True:
        match = delimiter.search(body, i)
        if not match:
            return found
        at, what = match.start(), match[0]
        head += body[i:at]
        i = at + 1
        if what != "{":
            head, start = "", i
            continue
        kind = classify(head)
        if kind == "value":
            head += "{}"
            i = pairs[at] + 1
            continue
        if kind == "function":
            text = body[start:at]
            label = re.match(r"(?:\s*(?:public|private|protected)\s*:)*\s*", text)
            first = line_of(body, start + label.end())
            last = line_of(body, pairs[at])
            found.append(Function(first, last - first + 1, " ".join(strip_template(head).split())))
            i = pairs[at] + 1
        head, start = "", i
