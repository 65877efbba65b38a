"""Placeholders in the printed examples, ``{NAME}``, ``<NAME>`` and ``${NAME}``: finding them and filling them.

Filling works on parsed strings, so that a value can never close its string and add members of its own.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from switchbay.kit.jsontext import MAX_BYTES
from switchbay.kit.jsonvalue import JsonValue

IN_ADDRESS: Final = r"\$?\{[A-Za-z_][A-Za-z0-9_.-]{0,63}\}|<[A-Za-z_][A-Za-z0-9_.-]{0,63}>"
"""In an address braces and angle brackets are never right, so any name in them is a placeholder."""

IN_TEXT: Final = r"\$?\{[A-Z][A-Z0-9_]{0,63}\}|<[A-Z][A-Z0-9_]{0,63}>"
"""Elsewhere a word in braces may be meant; only names in capitals count."""

_IN_ADDRESS_RE: Final = re.compile(IN_ADDRESS)
_IN_TEXT_RE: Final = re.compile(IN_TEXT)
_STRING_RE: Final = re.compile(r'"(?:[^"\\]|\\.)*+"')
_COLON_RE: Final = re.compile(r"[ \t\r\n]*+:")


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled document or text, and the given names that it has no placeholder for."""

    value: JsonValue
    unknown: tuple[str, ...]


def find_placeholders(text: str, *, address: bool = False) -> tuple[str, ...]:
    """The names of the placeholders in a string, each once, in order."""
    pattern = _IN_ADDRESS_RE if address else _IN_TEXT_RE
    return tuple(dict.fromkeys(match.group().strip("${}<>") for match in pattern.finditer(text)))


class FilledTooLarge(ValueError):
    """Filling would make a document larger than any manifest may be."""


class _Filling:
    """One filling: the variables, which of them were used, and how much may still be put in."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._used: set[str] = set()
        self._left = MAX_BYTES

    def string(self, text: str) -> str:
        return _IN_ADDRESS_RE.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        name = match.group().strip("${}<>")
        if name not in self._variables:
            return match.group()
        self._used.add(name)
        self._left -= len(self._variables[name])
        if self._left < 0:
            raise FilledTooLarge(f"the values put in are larger than {MAX_BYTES} characters together")
        return self._variables[name]

    def value(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        return value

    def unknown(self) -> tuple[str, ...]:
        return tuple(name for name in self._variables if name not in self._used)


def fill_value(value: JsonValue, variables: Mapping[str, str]) -> Filled:
    """Fill the placeholders in every string of a document, member names excepted, one pass, nothing filled twice.

    Raises ``FilledTooLarge`` when the values put in are larger together than a manifest may be.
    """
    filling = _Filling(variables)
    return Filled(filling.value(value), filling.unknown())


def fill_text(text: str, variables: Mapping[str, str]) -> Filled:
    """Fill the placeholders in a JSON text and leave everything else as it was written.

    The text has to be valid JSON; what stands in member names is left alone. Raises ``FilledTooLarge`` as above.
    """
    filling = _Filling(variables)

    def replace(match: re.Match[str]) -> str:
        if not _may_be_filled(match.group()) or _COLON_RE.match(text, match.end()):
            return match.group()
        before = str(json.loads(match.group()))
        after = filling.string(before)
        return match.group() if after == before else json.dumps(after, ensure_ascii=False)

    return Filled(_STRING_RE.sub(replace, text), filling.unknown())


def _may_be_filled(raw: str) -> bool:
    return "{" in raw or "<" in raw or "\\u00" in raw
