"""Kinds of values in a manifest. Each kind knows both how to check a value and the JSON Schema that says the same.

``read`` notes what is wrong and returns the normalised value, or None when there is nothing usable; since ``null``
means "left out" everywhere in a manifest, no usable value is ever None.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Protocol

from switchbay.kit.findings import Patch, patch_remove, patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import kind_of, show, shown_text
from switchbay.manifest.domain import placeholders
from switchbay.manifest.domain.check import Check, name_of

Schema = dict[str, JsonValue]

CONTROL: Final = r"[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]"
"""Control characters (Cc), line separators, and the marks that turn the direction of text around."""

MOST_COMPOSED: Final = 4
"""NFC makes one code point of at most four. A text longer than that allows is refused before it is composed, since
composing takes time in the square of the length of a run of combining marks."""

_CONTROL_RE: Final = re.compile(CONTROL)
_HASH_TAG_RE: Final = re.compile(r"[^#]#([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)")


class Kind(Protocol):
    """What every kind of value offers."""

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check a value and return its normalised form."""

    def schema(self) -> Schema:
        """The JSON Schema of the values that ``read`` accepts without an error."""


def nullable(schema: Schema) -> Schema:
    """The schema of an optional member: null is as good as absent."""
    return {"anyOf": [{"type": "null"}, schema]}


def anchored(pattern: str) -> str:
    """A pattern that has to match the whole string, as JSON Schema writes it."""
    return f"^(?:{pattern})$"


def no_match(*patterns: str) -> list[JsonValue]:
    """Schema clauses that refuse a string in which one of the patterns is found."""
    return [{"not": {"pattern": pattern}} for pattern in patterns]


def wrong_type(
    check: Check, path: Path, value: JsonValue, expected: str, fixed: JsonValue = None, *, fix: Patch | None = None
) -> None:
    """Note a value of the wrong type, with a remedy or the value that belongs there where one can be told."""
    fix = fix if fixed is None else patch_replace(path, fixed)
    check.add(
        "type",
        path,
        f"{name_of(path)} is {kind_of(value)}, not {expected}",
        got=show(value),
        expected=expected,
        fix=fix,
    )


def read_string(check: Check, path: Path, value: JsonValue, limit: int, *, instead: str = " ") -> str | None:
    """The string in NFC, once type, control characters and length are judged.

    ``instead`` is what the proposed remedy puts in the place of a control character.
    """
    if not isinstance(value, str):
        wrong_type(check, path, value, "a string", str(value) if _is_number(value) else None)
        return None
    if len(value) > limit * MOST_COMPOSED:
        _note_length(check, path, len(value), limit)
        return None
    text = unicodedata.normalize("NFC", value)
    usable = True
    if _CONTROL_RE.search(text):
        cleaned = _CONTROL_RE.sub(instead, text).strip(" ")
        check.add(
            "control_character",
            path,
            f"{name_of(path)} holds a control character",
            got=show(value),
            expected="text without control characters",
            fix=patch_replace(path, cleaned),
        )
        usable = False
    if len(text) > limit:
        _note_length(check, path, len(text), limit)
        usable = False
    return text if usable else None


def _note_length(check: Check, path: Path, length: int, limit: int) -> None:
    message = f"{name_of(path)} has {length} characters, more than {limit}"
    check.add("too_long", path, message, got=f"{length} characters", expected=f"at most {limit} characters")


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people, or a name. An empty one is as good as absent, unless it is ``needed``."""

    limit: int
    needed: bool = False

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the text; return it in NFC without surrounding spaces."""
        if check.has_placeholder(path, value):
            return None
        text = read_string(check, path, value, self.limit)
        if text is None:
            return None
        stripped = text.strip(" ")
        if not stripped:
            if self.needed:
                check.add("empty", path, f"{name_of(path)} is empty", got=show(value), expected="a name")
            return None
        if stripped != text:
            message = f"{name_of(path)} begins or ends with white space, which is taken off"
            fix = patch_replace(path, stripped)
            check.add("surrounding_whitespace", path, message, got=show(value), expected=shown_text(stripped), fix=fix)
        self._judge_hash(check, path, stripped)
        return stripped

    @staticmethod
    def _judge_hash(check: Check, path: Path, text: str) -> None:
        match = _HASH_TAG_RE.search(text)
        if match and match.end() == len(text) and isinstance(path[-1], str):
            member = f"{path[-1].partition('#')[0]}#{match.group(1)}"
            message = f'the language tag belongs into the member name, as in "{member}"; here it is part of the text'
            check.add(
                "hash_in_value", path, message, got=show(text), expected=f'a member "{member}" beside the plain one'
            )

    def schema(self) -> Schema:
        """At most so many code points, no control characters, nothing unfilled."""
        clauses = no_match(CONTROL, placeholders.IN_TEXT)
        result: Schema = {"type": "string", "maxLength": self.limit, "allOf": clauses}
        if self.needed:
            result["pattern"] = "[^ ]"
        return result


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the boolean."""
        if isinstance(value, bool):
            return value
        if not check.has_placeholder(path, value):
            spelled = {"true": True, "false": False}.get(value.casefold()) if isinstance(value, str) else None
            wrong_type(check, path, value, "true or false", spelled)
        return None

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer in a range. ``3.0`` is one, as JSON Schema counts; ``true``, ``"3"`` and ``3.5`` are not."""

    low: int
    high: int

    def read(self, check: Check, path: Path, value: JsonValue) -> JsonValue:
        """Check the number."""
        expected = f"an integer from {self.low} to {self.high}"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            if not check.has_placeholder(path, value):
                message = f"{name_of(path)} is {self._describe(value)}, not an integer"
                check.add("type", path, message, got=show(value), expected=expected, fix=self._remedy(path, value))
            return None
        if not self.low <= value <= self.high:
            message = f"{name_of(path)} lies outside {self.low} to {self.high}"
            fix = patch_replace(path, self._clamp(value))
            check.add("out_of_range", path, message, got=show(value), expected=expected, fix=fix)
            return None
        return value

    @staticmethod
    def _describe(value: JsonValue) -> str:
        return "a fraction" if isinstance(value, float) else kind_of(value)

    def _clamp(self, number: int) -> int:
        return max(self.low, min(self.high, number))

    def _remedy(self, path: Path, value: JsonValue) -> Patch:
        if isinstance(value, float):
            return patch_replace(path, self._clamp(int(value)))
        if isinstance(value, str) and re.fullmatch(r" *[0-9]{1,9} *", value):
            return patch_replace(path, self._clamp(int(value)))
        return patch_remove(path)

    def schema(self) -> Schema:
        """An integer in the range."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}
