"""A JSON reader (RFC 8259) for text that people write: it says where everything stands and finds every mistake it can.

The standard reader keeps the last of two equal keys, takes NaN, stops at the first comma too many and forgets where a
value stood. This one reports duplicate keys, comments, trailing commas, NaN and infinities with line and column and
reads on after each of them, so that one run shows them all. It never raises for bad input, takes time linear in the
input, and is bounded in size, depth and number of problems.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from switchbay.kit.jsonvalue import JsonValue

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_PROBLEMS: Final = 100
MAX_NUMBER_LENGTH: Final = 64

_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_NOT_FINITE: Final = re.compile(r"[+-]?(?:NaN|Infinity)\b")
_WORD: Final = re.compile(r"[A-Za-z0-9_$.+-]++")
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LITERALS: Final[Mapping[str, JsonValue]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the text. ``line`` and ``column`` count from 1, columns in code points.

    ``kind`` is one of ``json_syntax``, ``json_encoding``, ``json_too_large``, ``json_too_deep``, ``json_comment``,
    ``json_trailing_comma``, ``json_number``, ``json_surrogate``, ``duplicate_key``.
    """

    kind: str
    message: str
    path: tuple[str | int, ...]
    line: int
    column: int
    first: tuple[int, int] | None = None
    """Line and column of the first of two equal keys."""


@dataclass(slots=True)
class Node:
    """Where a value stands, and the places of what it contains."""

    offset: int
    key_offset: int
    members: dict[str, "Node"] = field(default_factory=dict)
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class JsonText:
    """What was read: ``value`` is meaningful only when ``complete``; ``problems`` in the order of the text."""

    value: JsonValue
    complete: bool
    problems: tuple[Problem, ...]
    root: Node
    line_starts: tuple[int, ...]

    def offset(self, path: tuple[str | int, ...], *, key: bool = False) -> int:
        """Offset of the value at a path, or of its key; of the nearest enclosing value when the path leads nowhere."""
        node = self.root
        for step in path:
            child = self._child(node, step)
            if child is None:
                return node.offset
            node = child
        return node.key_offset if key else node.offset

    def position(self, path: tuple[str | int, ...], *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of what ``offset`` finds."""
        return line_and_column(self.line_starts, self.offset(path, key=key))

    @staticmethod
    def _child(node: Node, step: str | int) -> Node | None:
        if isinstance(step, str):
            return node.members.get(step)
        return node.items[step] if 0 <= step < len(node.items) else None


def line_and_column(line_starts: tuple[int, ...], offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    line = bisect_right(line_starts, offset)
    return line, offset - line_starts[line - 1] + 1


def parse(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> JsonText:
    """Read JSON text in UTF-8, with or without a byte order mark."""
    if len(data) > max_bytes:
        message = f"the text has {len(data)} bytes, more than the {max_bytes} allowed"
        return _failed(Problem("json_too_large", message, (), 1, 1))
    body = data.removeprefix(_BOM)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8")
        line, column = line_and_column(_line_starts(before), len(before))
        hint = "; it looks like UTF-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        return _failed(Problem("json_encoding", f"the text is not UTF-8{hint}", (), line, column))
    return _Reader(text, max_depth).read()


def has_surrogate(text: str) -> bool:
    """Whether a string holds half of a surrogate pair, which no UTF-8 text can carry."""
    return _SURROGATE.search(text) is not None


def without_surrogates(text: str) -> str:
    """The string with each half of a pair replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def _failed(problem: Problem) -> JsonText:
    return JsonText(None, complete=False, problems=(problem,), root=Node(0, 0), line_starts=(0,))


def _line_starts(text: str) -> tuple[int, ...]:
    return (0, *(match.end() for match in _LINE_END.finditer(text)))


class _StopReading(Exception):
    """The text cannot be read any further; the reason is already noted."""


class _Reader:
    """One reading of one text. Recursion is bounded by ``max_depth``."""

    def __init__(self, text: str, max_depth: int) -> None:
        self._text = text
        self._max_depth = max_depth
        self._at = 0
        self._path: list[str | int] = []
        self._lines = _line_starts(text)
        self._problems: list[Problem] = []

    def read(self) -> JsonText:
        root = Node(0, 0)
        value: JsonValue = None
        complete = False
        try:
            self._skip_space()
            root = Node(self._at, self._at)
            value = self._value(root)
            self._skip_space()
            if self._at < len(self._text):
                self._fail("there is text after the end of the JSON value")
            complete = True
        except _StopReading:
            pass
        return JsonText(value, complete, tuple(self._problems), root, self._lines)

    # Problems

    def _note(self, kind: str, message: str, at: int, first: int | None = None) -> None:
        line, column = line_and_column(self._lines, at)
        earlier = None if first is None else line_and_column(self._lines, first)
        self._problems.append(Problem(kind, message, tuple(self._path), line, column, earlier))
        if len(self._problems) >= MAX_PROBLEMS:
            raise _StopReading

    def _fail(self, message: str, *, at: int | None = None, kind: str = "json_syntax") -> None:
        self._note(kind, message, self._at if at is None else at)
        raise _StopReading

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    # Space and comments

    def _skip_space(self) -> None:
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._peek() not in {"/", "#"} or not self._skip_comment():
                return

    def _skip_comment(self) -> bool:
        start = self._at
        if self._text.startswith("/*", start):
            end = self._text.find("*/", start + 2)
            if end < 0:
                self._fail("a comment begins here and never ends; JSON has no comments", kind="json_comment")
            self._at = end + 2
        elif self._text.startswith(("//", "#"), start):
            match = _LINE_END.search(self._text, start)
            self._at = match.start() if match else len(self._text)
        else:
            return False
        self._note("json_comment", "JSON has no comments", start)
        return True

    # Values

    def _value(self, node: Node) -> JsonValue:
        char = self._peek()
        if char in {"{", "["}:
            if len(self._path) >= self._max_depth:
                self._fail(f"objects and arrays nest deeper than {self._max_depth} levels", kind="json_too_deep")
            return self._object(node) if char == "{" else self._array(node)
        if char == '"':
            return self._string()
        return self._scalar()

    def _object(self, node: Node) -> JsonValue:
        result: dict[str, JsonValue] = {}
        seen: dict[str, int] = {}
        self._at += 1
        self._skip_space()
        while self._peek() != "}":
            key_at = self._at
            if self._peek() != '"':
                self._fail(self._unexpected("a member name in double quotes"))
            key = self._string()
            self._path.append(key)
            self._skip_space()
            if self._peek() != ":":
                self._fail(self._unexpected("a colon after the member name"))
            self._at += 1
            self._skip_space()
            child = Node(self._at, key_at)
            value = self._value(child)
            first = seen.setdefault(key, key_at)
            if first != key_at:
                lines = [line_and_column(self._lines, at)[0] for at in (first, key_at)]
                message = f"the member stands here twice, first on line {lines[0]} and again on line {lines[1]}"
                self._note("duplicate_key", message, key_at, first)
            result[key] = value
            node.members[key] = child
            self._path.pop()
            self._next("}")
        self._at += 1
        return result

    def _array(self, node: Node) -> JsonValue:
        result: list[JsonValue] = []
        self._at += 1
        self._skip_space()
        while self._peek() != "]":
            child = Node(self._at, self._at)
            self._path.append(len(result))
            result.append(self._value(child))
            node.items.append(child)
            self._path.pop()
            self._next("]")
        self._at += 1
        return result

    def _next(self, closing: str) -> None:
        """Step over a comma to the next member or item, or stand on the closing bracket."""
        self._skip_space()
        if self._peek() == closing:
            return
        if self._peek() != ",":
            self._fail(self._unexpected(f'a comma or "{closing}"'))
        comma = self._at
        self._at += 1
        self._skip_space()
        if self._peek() == closing:
            self._note("json_trailing_comma", "JSON allows no comma after the last one", comma)

    def _string(self) -> str:
        start = self._at
        match = _STRING.match(self._text, start)
        end = match.end() if match else start
        if self._text[end : end + 1] != '"':
            self._fail(self._string_mistake(end), at=end)
        self._at = end + 1
        raw = self._text[start : end + 1]
        if "\\" not in raw:
            return raw[1:-1]
        value = str(json.loads(raw))
        if has_surrogate(value):
            self._note("json_surrogate", "a \\u escape stands for half a character", start)
            value = without_surrogates(value)
        return value

    def _string_mistake(self, at: int) -> str:
        char = self._text[at : at + 1]
        if not char:
            return "the text ends inside a string"
        if char == "\\":
            return "a backslash in a string begins none of the escapes that JSON knows"
        if char in "\r\n":
            return "a string must end on the line where it begins"
        return f"a string holds the control character U+{ord(char):04X} unescaped"

    def _scalar(self) -> JsonValue:
        start = self._at
        match = _NOT_FINITE.match(self._text, start)
        if match:
            self._at = match.end()
            self._note("json_number", f"{match.group()} is no JSON number", start)
            return None
        word_match = _WORD.match(self._text, start)
        word = word_match.group() if word_match else ""
        if word in _LITERALS:
            self._at += len(word)
            return _LITERALS[word]
        if not word or not _NUMBER.fullmatch(word):
            self._fail(self._unexpected("a value"))
        self._at += len(word)
        return self._number(word, start)

    def _number(self, word: str, start: int) -> JsonValue:
        if len(word) > MAX_NUMBER_LENGTH:
            self._note("json_number", f"the number is longer than {MAX_NUMBER_LENGTH} characters", start)
            return None
        if word.removeprefix("-").isdigit():
            return int(word)
        number = float(word)
        if number in {float("inf"), float("-inf")}:
            self._note("json_number", "the number is too large", start)
            return None
        return number

    def _unexpected(self, wanted: str) -> str:
        char = self._peek()
        if not char:
            return f"the text ends where {wanted} should stand"
        if char == "'":
            return "JSON strings stand in double quotes, not single ones"
        shown = f'"{char}"' if char.isprintable() else f"U+{ord(char):04X}"
        return f"{wanted} should stand here, not {shown}"
