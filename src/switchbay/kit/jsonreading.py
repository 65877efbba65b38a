"""A JSON document as a check wants it: the value, where its parts stand, and what is wrong with the text.

A document comes as text or as a value that was already parsed; of the latter only the order of its parts is known.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from switchbay.kit.jsontext import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NUMBER_LENGTH,
    MAX_PROBLEMS,
    JsonText,
    Problem,
    has_surrogate,
    parse,
    without_surrogates,
)
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path

_TOO_LARGE: Final = 10**MAX_NUMBER_LENGTH
_UNREADABLE: Final = frozenset({"json_too_large", "json_too_deep"})

EXPECTED_INSTEAD: Final[Mapping[str, str]] = {
    "json_syntax": "JSON as RFC 8259 has it",
    "json_encoding": "UTF-8",
    "json_too_large": f"at most {MAX_BYTES} bytes",
    "json_too_deep": f"at most {MAX_DEPTH} levels",
    "json_comment": "no comments",
    "json_trailing_comma": "no comma after the last one",
    "json_number": f"a finite number of at most {MAX_NUMBER_LENGTH} characters",
    "json_surrogate": "both halves of a character, or the character itself",
    "duplicate_key": "each member once",
}
"""What should stand there instead of each kind of problem."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a path stands: numbers to sort by, and line and column when there is a text."""

    order: tuple[int, ...]
    line: int | None
    column: int | None


class Locator(Protocol):
    """Knows where paths stand."""

    def locate(self, path: Path, *, key: bool = False) -> Spot:
        """The place of a value, of its name, or of the nearest enclosing value when nothing is there."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. ``value`` is meaningful only when ``complete``."""

    value: JsonValue
    complete: bool
    problems: tuple[Problem, ...]
    places: Locator


def read_text(data: bytes) -> Reading:
    """Read a document as it was written; never raises for bad input."""
    text = parse(data)
    return Reading(text.value, text.complete, text.problems, TextPlaces(text))


def read_value(value: JsonValue, whole: str) -> Reading:
    """Take a document that was already parsed, within the limits of a text. ``whole`` is how messages call it."""
    cleaner = _Cleaner()
    cleaned = cleaner.clean(value, ())
    problems = cleaner.problems
    if not problems:
        size = len(json.dumps(cleaned, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_BYTES:
            message = f"{whole} has {size} bytes, more than the {MAX_BYTES} allowed"
            problems.append(Problem("json_too_large", message, (), 0, 0))
    complete = not any(problem.kind in _UNREADABLE for problem in problems)
    return Reading(cleaned, complete, tuple(problems), ValuePlaces(cleaned))


class TextPlaces:
    """Places in a text."""

    def __init__(self, text: JsonText) -> None:
        self._text = text

    def locate(self, path: Path, *, key: bool = False) -> Spot:
        """Line and column of a value, or of its name."""
        line, column = self._text.position(path, key=key)
        return Spot((self._text.offset(path, key=key),), line, column)


class ValuePlaces:
    """Places in a parsed document: only their order is known."""

    def __init__(self, value: JsonValue) -> None:
        self._value = value
        self._indexes: dict[int, dict[str, int]] = {}

    def locate(self, path: Path, *, key: bool = False) -> Spot:
        """The rank of a value; line and column are None."""
        del key  # a member's name and its value stand at the same rank
        order: list[int] = []
        here = self._value
        for step in path:
            if isinstance(here, dict) and isinstance(step, str) and step in here:
                index = self._indexes.setdefault(id(here), {}) or self._index(here)
                order.append(index[step])
                here = here[step]
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                order.append(step)
                here = here[step]
            else:
                break
        return Spot(tuple(order), None, None)

    def _index(self, members: dict[str, JsonValue]) -> dict[str, int]:
        index = {key: number for number, key in enumerate(members)}
        self._indexes[id(members)] = index
        return index


class _Cleaner:
    """Makes of a Python value what JSON text could have said, and notes what it could not."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def clean(self, value: JsonValue, path: Path) -> JsonValue:
        """A copy of the value within the limits of a text; stops descending where it nests too deeply."""
        if isinstance(value, str):
            return self._string(value, path)
        if isinstance(value, dict | list):
            if len(path) >= MAX_DEPTH:
                self._note("json_too_deep", f"objects and arrays nest deeper than {MAX_DEPTH} levels", path)
                return None
            if isinstance(value, list):
                return [self.clean(item, (*path, index)) for index, item in enumerate(value)]
            return {self._string(key, (*path, key)): self.clean(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, float) and not math.isfinite(value):
            self._note("json_number", "the number is not finite", path)
            return None
        if isinstance(value, int) and abs(value) >= _TOO_LARGE:
            self._note("json_number", f"the number is longer than {MAX_NUMBER_LENGTH} characters", path)
            return None
        return value

    def _string(self, text: str, path: Path) -> str:
        if not has_surrogate(text):
            return text
        self._note("json_surrogate", "a string holds half of a character", path)
        return without_surrogates(text)

    def _note(self, kind: str, message: str, path: Path) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            clean = tuple(without_surrogates(step) if isinstance(step, str) else step for step in path)
            self.problems.append(Problem(kind, message, clean, 0, 0))
