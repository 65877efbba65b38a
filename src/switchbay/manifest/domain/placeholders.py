"""Placeholders in the printed examples, ``{NAME}``, ``<NAME>`` and ``${NAME}``: finding them and filling them.

Filling works on parsed strings, so that a value can never close its string and add members of its own.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from switchbay.kit.jsonvalue import JsonValue

IN_ADDRESS: Final = r"\$?\{[A-Za-z_][A-Za-z0-9_.-]{0,63}\}|<[A-Za-z_][A-Za-z0-9_.-]{0,63}>"
"""In an address braces and angle brackets are never right, so any name in them is a placeholder."""

IN_TEXT: Final = r"\$?\{[A-Z][A-Z0-9_]{0,63}\}|<[A-Z][A-Z0-9_]{0,63}>"
"""Elsewhere a word in braces may be meant; only names in capitals count."""

_IN_ADDRESS_RE: Final = re.compile(IN_ADDRESS)
_IN_TEXT_RE: Final = re.compile(IN_TEXT)
_STRING_RE: Final = re.compile(r'"(?:[^"\\]|\\.)*+"')
_COLON_RE: Final = re.compile(r"[ \t\r\n]*+:")
NAME_RE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled document or text, and the given names that it has no placeholder for."""

    value: JsonValue
    unknown: tuple[str, ...]


def find_placeholders(text: str, *, address: bool = False) -> tuple[str, ...]:
    """The names of the placeholders in a string, each once, in order."""
    pattern = _IN_ADDRESS_RE if address else _IN_TEXT_RE
    return tuple(dict.fromkeys(match.group().strip("${}<>") for match in pattern.finditer(text)))


def fill_value(value: JsonValue, variables: Mapping[str, str]) -> Filled:
    """Fill the placeholders in every string of a document, member names excepted, one pass, nothing filled twice."""
    used: set[str] = set()
    filled = _fill(value, variables, used)
    return Filled(filled, tuple(name for name in variables if name not in used))


def fill_text(text: str, variables: Mapping[str, str]) -> Filled:
    """Fill the placeholders in a JSON text and leave everything else as it was written.

    The text has to be valid JSON; what stands in member names is left alone.
    """
    used: set[str] = set()

    def replace(match: re.Match[str]) -> str:
        if not _may_be_filled(match.group()) or _COLON_RE.match(text, match.end()):
            return match.group()
        before = str(json.loads(match.group()))
        after = _fill_string(before, variables, used)
        return match.group() if after == before else json.dumps(after, ensure_ascii=False)

    filled = _STRING_RE.sub(replace, text)
    return Filled(filled, tuple(name for name in variables if name not in used))


def _may_be_filled(raw: str) -> bool:
    return "{" in raw or "<" in raw or "\\u00" in raw


def _fill(value: JsonValue, variables: Mapping[str, str], used: set[str]) -> JsonValue:
    if isinstance(value, str):
        return _fill_string(value, variables, used)
    if isinstance(value, list):
        return [_fill(item, variables, used) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, variables, used) for key, item in value.items()}
    return value


def _fill_string(text: str, variables: Mapping[str, str], used: set[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match.group().strip("${}<>")
        if name not in variables:
            return match.group()
        used.add(name)
        return variables[name]

    return _IN_ADDRESS_RE.sub(replace, text)
