"""Kinds of values in structured content. Each knows how to check a value and the JSON Schema that says the same."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

from switchbay.content.domain.codes import CATALOGUE, HELP_PAGE
from switchbay.content.domain.limits import MAX_ELEMENTS
from switchbay.content.domain.links import find_dangerous
from switchbay.kit import shown
from switchbay.kit.findings import Collector, Patch, Severity, patch_add, patch_move, patch_replace
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path
from switchbay.kit.shown import kind_of, listed, show, shown_text

Schema = dict[str, JsonValue]

_COLOUR: Final = re.compile(
    r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})|[A-Za-z]{3,30}|rgba?\([0-9., %]{5,40}\)"
)


class Check(Collector):
    """Collects the findings of one document, and counts its elements."""

    likeness: ClassVar[float] = 0.75

    def __init__(self) -> None:
        super().__init__(CATALOGUE, HELP_PAGE)
        self._elements = 0

    def count_element(self, path: Path) -> bool:
        """Count an element; false when there have been more than may be, which is noted once."""
        self._elements += 1
        if self._elements == MAX_ELEMENTS + 1:
            message = f"the content has more than {MAX_ELEMENTS} elements; those from here on were not looked at"
            self.add("too_many_elements", path, message, expected=f"at most {MAX_ELEMENTS} elements")
        return self._elements <= MAX_ELEMENTS


class Kind(Protocol):
    """What every kind of value offers."""

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check a value."""

    def schema(self) -> Schema:
        """The JSON Schema of the values that ``read`` finds no error in."""


def name_of(path: Path) -> str:
    """What a message calls the value at a path."""
    return shown.name_of(path, whole="the content")


def wrong_type(check: Check, path: Path, value: JsonValue, expected: str, fix: Patch | None = None) -> None:
    """Note a value of the wrong type."""
    message = f"{name_of(path)} is {kind_of(value)}, not {expected}"
    check.add("type", path, message, got=show(value), expected=expected, fix=fix)


def is_number(value: JsonValue) -> bool:
    """Whether a value is a JSON number: in Python, a boolean is an integer too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_colour(text: str) -> bool:
    """Whether a text is a colour as CSS writes it: hexadecimal, a name, or red, green and blue."""
    return _COLOUR.fullmatch(text) is not None


def is_error(code: str) -> bool:
    """Whether a finding of this code refuses the content."""
    return CATALOGUE[code].severity is Severity.ERROR


@dataclass(frozen=True, slots=True)
class Text:
    """A string. ``shown`` is how much of it clients show, where that is less than the limit."""

    limit: int
    shown: int | None = None
    wanted: bool = False
    """Whether an empty one is worth a warning."""

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the text."""
        if not isinstance(value, str):
            wrong_type(check, path, value, "a string", patch_replace(path, str(value)) if is_number(value) else None)
            return
        length = len(value)
        got = f"{length} characters"
        if length > self.limit:
            message = f"{name_of(path)} has {length} characters, more than {self.limit}"
            check.add("too_long", path, message, got=got, expected=f"at most {self.limit} characters")
        elif self.shown is not None and length > self.shown:
            message = f"{name_of(path)} has {length} characters, of which clients show {self.shown}"
            check.add("shortened", path, message, got=got, expected=f"at most {self.shown} characters")
        elif self.wanted and not value.strip():
            check.add("empty", path, f"{name_of(path)} is empty", got=show(value), expected="some text")

    def schema(self) -> Schema:
        """At most so many code points."""
        return {"type": "string", "maxLength": self.limit}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the boolean."""
        if not isinstance(value, bool):
            spelled = {"true": True, "false": False}.get(value.casefold()) if isinstance(value, str) else None
            wrong_type(check, path, value, "true or false", None if spelled is None else patch_replace(path, spelled))

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range, an integer if ``whole``. ``3.0`` is one, as JSON Schema counts.

    ``code``: what is found where it lies outside.
    """

    low: int
    high: int
    whole: bool = False
    code: str = "out_of_range"

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the number."""
        kind = "an integer" if self.whole else "a number"
        expected = f"{kind} from {self.low} to {self.high}"
        if not isinstance(value, int | float) or isinstance(value, bool):
            wrong_type(check, path, value, kind, self._remedy(path, value))
        elif self.whole and isinstance(value, float) and not value.is_integer():
            check.add(
                "type", path, f"{name_of(path)} is a fraction, not an integer", got=show(value), expected=expected
            )
        elif not self.low <= value <= self.high:
            message = f"{name_of(path)} lies outside {self.low} to {self.high}"
            check.add(self.code, path, message, got=show(value), expected=expected)

    def _remedy(self, path: Path, value: JsonValue) -> Patch | None:
        """The number that a string spells."""
        try:
            number = float(value) if isinstance(value, str) and len(value) <= shown.MAX_SHOWN else math.nan
        except ValueError:
            return None
        if not self.low <= number <= self.high or (self.whole and not number.is_integer()):
            return None
        return patch_replace(path, int(number) if number.is_integer() else number)

    def schema(self) -> Schema:
        """A number, in the range where others are refused."""
        schema: Schema = {"type": "integer" if self.whole else "number"}
        return schema | ({"minimum": self.low, "maximum": self.high} if is_error(self.code) else {})


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; ``code`` is what is found where it is another one."""

    words: tuple[str, ...]
    code: str = "unknown_value"

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the word."""
        if not isinstance(value, str):
            wrong_type(check, path, value, "a string")
        elif value not in self.words:
            meant = self.words[0] if len(self.words) == 1 else check.guess(value, self.words)
            check.add(
                self.code,
                path,
                f"{name_of(path)} is {shown_text(value)}, which is not known here",
                got=show(value),
                expected=listed(self.words),
                fix=None if meant is None else patch_replace(path, meant),
            )

    def schema(self) -> Schema:
        """The words, where others are refused."""
        return {"enum": list(self.words)} if is_error(self.code) else {"type": "string"}


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour as CSS writes it. What is none is shown without it, so it only warns."""

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the colour."""
        if not isinstance(value, str):
            wrong_type(check, path, value, "a string")
        elif not is_colour(value):
            expected = "a colour such as #0b5cad"
            check.add("colour", path, f"{name_of(path)} is no colour", got=show(value), expected=expected)

    def schema(self) -> Schema:
        """Any string."""
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Anything:
    """A member whose value is the affair of clients. Dangerous addresses are looked for all the same."""

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Look for addresses."""
        look_for_links(check, path, value)

    def schema(self) -> Schema:
        """Anything."""
        return {}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one kind. An empty one warns if it is ``wanted``."""

    kind: Kind
    most: int
    least: int = 0
    wanted: bool = False

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the list and its items, of too long a list only those that may be."""
        if not isinstance(value, list):
            fix = patch_replace(path, [value]) if isinstance(value, dict) else None
            wrong_type(check, path, value, "an array", fix)
            return
        got = f"{len(value)} items"
        if len(value) > self.most:
            message = f"{name_of(path)} has {len(value)} items, more than {self.most}"
            check.add("too_many", path, message, got=got, expected=f"at most {self.most} items")
        elif len(value) < self.least:
            message = f"{name_of(path)} has {len(value)} items, fewer than {self.least}"
            check.add("too_few", path, message, got=got, expected=f"at least {self.least} items")
        elif self.wanted and not value:
            check.add("empty", path, f"{name_of(path)} is empty", got=got, expected="at least one item")
        for index, item in enumerate(value[: self.most]):
            self.kind.read(check, (*path, index), item)

    def schema(self) -> Schema:
        """So many items of the kind."""
        return {"type": "array", "items": self.kind.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Record:
    """An object. ``required`` maps each required member to the value that a remedy would put there, or None.

    ``open``: of what is not known itself, so that members that are not known are no news.
    """

    what: str
    members: Mapping[str, Kind]
    required: Mapping[str, JsonValue] = field(default_factory=dict)
    open: bool = False

    def read(self, check: Check, path: Path, value: JsonValue) -> None:
        """Check the object and its members; look for addresses in what is not known."""
        if not isinstance(value, dict):
            wrong_type(check, path, value, "an object")
            return
        for name, remedy in self.required.items():
            if name not in value:
                place = (*path, name)
                message = f"{self.what} needs the member {name}"
                fix = None if remedy is None else patch_add(place, remedy)
                check.add("required", place, message, expected=f"a member {name}", fix=fix)
        for name, item in value.items():
            kind = self.members.get(name)
            if kind is not None:
                kind.read(check, (*path, name), item)
            else:
                if not self.open:
                    self._unknown(check, (*path, name), name, value)
                look_for_links(check, (*path, name), item)

    def _unknown(self, check: Check, path: Path, name: str, value: Mapping[str, JsonValue]) -> None:
        free = [known for known in self.members if known not in value]
        meant = check.guess(name, free)
        message = f"{self.what} has no member {shown_text(name)}"
        if meant is not None:
            message += f"; did you mean {meant}?"
        fix = None if meant is None else patch_move(path, (*path[:-1], meant))
        expected = None if meant is None else meant
        check.add("unknown_member", path, message, got=shown_text(name), expected=expected, fix=fix, at_key=True)

    def schema(self) -> Schema:
        """The known members; others may stand beside them."""
        schema: Schema = {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.members.items()},
        }
        if self.required:
            schema["required"] = list(self.required)
        return schema


def look_for_links(check: Check, path: Path, value: JsonValue) -> None:
    """Note every dangerous address in a value whose members are not known."""
    for place, scheme in find_dangerous(path, value):
        message = f"an address of the scheme {scheme} stands in a member that is not known here"
        check.add("link_hidden", place, message, got=f"{scheme}:…", expected="no address that could run code")
