"""Colours and sizes of structured content as style rules of our own: nothing of the content but checked colours and
numbers gets into them, so that they cannot say more than that.
"""

from typing import Final

from switchbay.content.public import is_colour
from switchbay.kit.jsonvalue import JsonValue

_COLOURS: Final = ("color", "background-color", "border-color")
_FLAGS: Final = ("bold", "italic")
_WORDS: Final = {"size": ("small", "medium", "large"), "text-alignment": ("leading", "center", "trailing")}
_MOST_RADIUS: Final = 100
_MOST_RULES: Final = 200
_WHOLE: Final = 100


class Looks:
    """The classes of elements by their ``style``, and the rules of those classes."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    @property
    def rules(self) -> str:
        """One rule for each set of colours that was met, in that order."""
        return "".join(f".{name}{{{body}}}" for body, name in self._names.items())

    def classes(self, style: JsonValue) -> list[str]:
        """The classes that show a style."""
        if not isinstance(style, dict):
            return []
        found = [f"sc-{flag}" for flag in _FLAGS if style.get(flag) is True]
        found += [f"sc-{style[name]}" for name, words in _WORDS.items() if style.get(name) in words]
        return found + self._class(_declarations(style))

    def columns(self, percentages: JsonValue, count: int) -> list[str]:
        """The classes that divide a row of ``count`` elements by their shares of its width, one number for each."""
        if not isinstance(percentages, list) or len(percentages) != count or not all(map(_is_share, percentages)):
            return []
        columns = " ".join(f"minmax(0,{share:g}fr)" for share in percentages)
        return self._class(f"display:grid;grid-template-columns:{columns}")

    def _class(self, body: str) -> list[str]:
        if not body or (body not in self._names and len(self._names) >= _MOST_RULES):
            return []
        return [self._names.setdefault(body, f"sc-look-{len(self._names)}")]


def _is_share(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _WHOLE


def _declarations(style: dict[str, JsonValue]) -> str:
    parts = [f"{name}:{value}" for name in _COLOURS if isinstance(value := style.get(name), str) and is_colour(value)]
    radius = style.get("border-radius")
    if isinstance(radius, int | float) and not isinstance(radius, bool) and 0 <= radius <= _MOST_RADIUS:
        parts.append(f"border-radius:{float(radius):g}px")
    return ";".join(parts)
