"""How values of a document are shown in a sentence for people: short, on one line, without passwords of addresses."""

import re
from collections.abc import Sequence
from typing import Final

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path

MAX_SHOWN: Final = 100
_USER_INFO: Final = re.compile(r"(//)[^/?#]*@")


def mask_user_info(text: str) -> str:
    """The text with user names and passwords of addresses replaced by stars."""
    return _USER_INFO.sub(r"\1***@", text)


def show(value: JsonValue) -> str:
    """A value as short text: scalars as JSON without passwords of addresses, objects and arrays by their kind only."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        return shown_text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def shown_text(text: str) -> str:
    """A string in quotes, cut to a readable length, control characters escaped, passwords of addresses masked."""
    masked = mask_user_info(text)
    cut = masked if len(masked) <= MAX_SHOWN else masked[: MAX_SHOWN - 1] + "…"
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut) + '"'


def name_of(path: Path, *, whole: str) -> str:
    """What a message calls the value at a path: the member's name, and which item of it; ``whole`` for the document."""
    steps: list[str] = []
    for step in reversed(path):
        steps.insert(0, str(step))
        if isinstance(step, str):
            break
    name = "/".join(steps) or whole
    return name if name.isprintable() and len(name) <= MAX_SHOWN else shown_text(name)


def kind_of(value: JsonValue) -> str:
    """The kind of a value, for places where the value itself must not be shown."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def listed(words: Sequence[str]) -> str:
    """Words as people list them."""
    return ", ".join(words)
