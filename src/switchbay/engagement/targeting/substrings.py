"""Many rules for one text at once: what is asked of a text grows with its length and with what it fits.

An exact rule is looked up. For a rule that is contained some short pieces of it are, so that of the rules whose pieces
do not occur in the text none is tried. A regular expression is tried only where letters occur that every match of it
has; one in which none are found is tried always.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from switchbay.engagement.domain.conditions import Match
from switchbay.engagement.targeting.texts import compiled

_Test = Callable[[str, str], bool]
"""Tells by a text and the same in lower case whether a rule fits."""


class _Level(NamedTuple):
    """Pieces of ``size`` characters, of which a text is looked at every ``stride``-th one.

    Whatever contains ``size + stride - 1`` characters contains one of the pieces that are looked at; which one depends
    on where it stands, so ``stride`` pieces of each rule are kept.
    """

    size: int
    stride: int
    pieces: dict[str, list[int]]

    @property
    def least(self) -> int:
        return self.size + self.stride - 1


class TextRules:
    """Rules for texts, by their numbers."""

    def __init__(self, rules: Sequence[Match]) -> None:
        self._exact: dict[str, list[int]] = {}
        self._levels = (_Level(6, 3, {}), _Level(4, 2, {}), _Level(2, 1, {}))
        self._always: list[tuple[int, _Test]] = []
        self._tests: dict[int, _Test] = {}
        needed: list[tuple[int, str]] = []
        for number, rule in enumerate(rules):
            if not rule.value:
                continue
            if rule.match_type == "exact":
                self._exact.setdefault(rule.value.casefold(), []).append(number)
            elif rule.match_type == "contains":
                self._tests[number] = _contains(rule.value.casefold())
                needed.append((number, rule.value.casefold()))
            elif (pattern := compiled(rule.value)) is not None:
                self._tests[number] = _searches(pattern.search)
                needed.append((number, needed_letters(rule.value).casefold()))
        self._file(needed)
        self._used = tuple((one.size, one.stride, one.pieces) for one in self._levels if one.pieces)

    def _file(self, needed: Iterable[tuple[int, str]]) -> None:
        """File each rule under the rarest pieces of the letters that it needs."""
        filed = [(number, letters, self._level_for(letters)) for number, letters in needed]
        counts: Counter[str] = Counter()
        for _, letters, level in filed:
            if level is not None:
                counts.update(_pieces(letters, level.size))
        for number, letters, level in filed:
            if level is None:
                self._always.append((number, self._tests[number]))
                continue
            pieces = list(_pieces(letters, level.size))
            windows = [pieces[start : start + level.stride] for start in range(len(letters) - level.least + 1)]
            for piece in set(min(windows, key=lambda window: sum(counts[piece] for piece in window))):
                level.pieces.setdefault(piece, []).append(number)

    def _level_for(self, letters: str) -> _Level | None:
        return next((level for level in self._levels if len(letters) >= level.least), None)

    def hits(self, text: str) -> list[int]:
        """Return the numbers of the rules that a text fits, each once; none for an empty one."""
        if not text:
            return []
        lower = text.casefold()
        exact = self._exact.get(lower)
        found = [] if exact is None else exact.copy()
        for number, test in self._always:
            if test(text, lower):
                found.append(number)
        for size, stride, pieces in self._used:
            get = pieces.get
            filed = [
                numbers
                for start in range(0, len(lower) - size + 1, stride)
                if (numbers := get(lower[start : start + size])) is not None
            ]
            if filed:
                found += self._tried(filed, text, lower)
        return found

    def _tried(self, filed: list[list[int]], text: str, lower: str) -> list[int]:
        tests = self._tests
        candidates = filed[0] if len(filed) == 1 else dict.fromkeys(number for numbers in filed for number in numbers)
        return [number for number in candidates if tests[number](text, lower)]


def _pieces(letters: str, size: int) -> Iterator[str]:
    return (letters[start : start + size] for start in range(len(letters) - size + 1))


def _contains(part: str) -> _Test:
    return lambda _text, lower: part in lower


def _searches(search: Callable[[str], object | None]) -> _Test:
    return lambda text, _lower: search(text) is not None


_PLAIN = frozenset("/_-=&%:,;@~#!'\"<> ")
_STAND_FOR_THEMSELVES = frozenset("./\\-?+*^$|()[]{}")


def needed_letters(pattern: str) -> str:
    """Return the longest run of characters that is surely in every match of an expression; "" when not sure of any.

    Only what is easily read is: characters outside of groups and classes, in an expression without alternatives.
    """
    if "|" in pattern or "\\Q" in pattern or "(?" in pattern.replace("(?:", ""):
        return ""
    longest, run, depth, place = "", "", 0, 0
    while place < len(pattern):
        character, place = pattern[place], place + 1
        if character == "[":
            place = _after_class(pattern, place)
            run = ""
            continue
        if character == "{" and "}" in pattern[place:]:
            place = pattern.index("}", place) + 1
            run = ""
            continue
        letter = ""
        if character == "\\":
            escaped = pattern[place : place + 1]
            if escaped not in _STAND_FOR_THEMSELVES and escaped not in "dDwWsSbB":
                return ""  # an escape that takes more than one character
            letter, place = (escaped if escaped in _STAND_FOR_THEMSELVES else ""), place + 1
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character.isalnum() or character in _PLAIN:
            letter = character
        following = pattern[place : place + 1]
        if letter and depth == 0 and following not in {"*", "?", "{"}:
            run += letter
            longest = max(longest, run, key=len)
            run = "" if following == "+" else run
        else:
            run = ""
    return longest


def _after_class(pattern: str, place: int) -> int:
    """Return the place after a class of characters whose bracket has been read."""
    place += pattern.startswith("^", place)
    place += pattern.startswith("]", place)
    while place < len(pattern) and pattern[place] != "]":
        if pattern.startswith("[:", place):
            end = pattern.find(":]", place + 2)
            place = end + 2 if end >= 0 else place + 1
        else:
            place += 2 if pattern[place] == "\\" else 1
    return place + 1
