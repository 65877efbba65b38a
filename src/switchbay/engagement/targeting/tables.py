"""Lookups of many clauses at once: for what a visit reads, which rows may still be offered.

A row is one bit. Each function here takes the clauses of some rows which read the same and returns how to look them up,
and about which share of the rows is left afterwards. Rows without such a clause are left always.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from switchbay.engagement.domain.conditions import Match
from switchbay.engagement.targeting import bits
from switchbay.engagement.targeting.clauses import Clause, Form, Range
from switchbay.engagement.targeting.facts import Facts
from switchbay.engagement.targeting.substrings import TextRules

Rows: TypeAlias = Sequence[tuple[int, Clause]]
"""Numbers of rows, each with its clause."""


class Lookup(NamedTuple):
    """``allowed`` gives the bits of the rows that are left."""

    allowed: Callable[[Facts], int]
    share: float


def _filed(rows: Rows, member: Callable[[Clause], Iterable[Hashable]]) -> dict[Hashable, int]:
    """Return the rows of each value of a list."""
    found: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, clause in rows:
        for value in member(clause):
            found[value].append(row)
    return {value: bits.of(filed) for value, filed in found.items()}


def _included(rows: Rows) -> dict[Any, int]:
    return _filed(rows, lambda clause: clause.include or ())


def _excluded(rows: Rows) -> dict[Any, int]:
    return _filed(rows, lambda clause: clause.exclude)


def _unless_included(rows: Rows, everyone: int) -> int:
    """Return the rows that are left when nothing is known: those which include nothing in particular."""
    return bits.less(everyone, bits.of(row for row, clause in rows if clause.include is not None))


def _share(always: int, filed: dict[Any, int], everyone: int) -> float:
    by_value = sum(mask.bit_count() for mask in filed.values()) / max(1, len(filed))
    return (always.bit_count() + by_value) / max(1, everyone.bit_count())


def one(rows: Rows, everyone: int) -> Lookup:
    """Look up a single value: one table has the answer for each."""
    reader = rows[0][1].reader
    always, include, exclude = _unless_included(rows, everyone), _included(rows), _excluded(rows)
    table = {value: bits.less(always | include.get(value, 0), exclude.get(value, 0)) for value in {*include, *exclude}}
    return Lookup(lambda facts: table.get(facts[reader], always), _share(always, include, everyone))


def many(rows: Rows, everyone: int) -> Lookup:
    """Look up each of several values."""
    reader = rows[0][1].reader
    always, include, exclude = _unless_included(rows, everyone), _included(rows), _excluded(rows)

    def allowed(facts: Facts) -> int:
        left, taken = always, 0
        for value in facts[reader]:
            if value in include:
                left |= include[value]
            if value in exclude:
                taken |= exclude[value]
        return bits.less(left, taken) if taken else left

    return Lookup(allowed, _share(always, include, everyone))


class Segments:
    """Which rows' ranges a number lies in: bounds in a sorted list, and a set of rows for each bound and each gap.

    Where that would take too much room, the rows are kept for some of them only, with what changes in between.
    """

    _STEP = 8
    _ROOM = 4_000_000  # bytes

    def __init__(self, ranges: Iterable[tuple[Range, int]], by_default: int = 0) -> None:
        listed = [(low, high, row) for (low, high), row in ranges if low is None or high is None or low <= high]
        self._bounds = sorted({bound for low, high, _ in listed for bound in (low, high) if bound is not None})
        places = {bound: 2 * place + 1 for place, bound in enumerate(self._bounds)}
        count = 2 * len(self._bounds) + 1
        changes: list[list[int]] = [[] for _ in range(count + 1)]
        for low, high, row in listed:
            changes[0 if low is None else places[low]].append(row)
            changes[count if high is None else places[high] + 1].append(row)
        size = max((row for _, _, row in listed), default=0) // 8
        self._step = self._STEP if count * size > self._ROOM else 1
        self._masks: list[int] = []
        mask = by_default
        for place, rows in enumerate(changes[:count]):
            mask ^= _toggles(rows)
            if place % self._step == 0:
                self._masks.append(mask)
        self._changes = [] if self._step == 1 else [tuple(rows) for rows in changes[:count]]

    def at(self, value: float) -> int:
        """Return the rows of a number that is one."""
        bounds = self._bounds
        place = bisect_left(bounds, value)
        is_bound = place < len(bounds) and bounds[place] == value
        place = 2 * place + is_bound
        if self._step == 1:
            return self._masks[place]
        mask = self._masks[place // self._step]
        for rows in self._changes[place - place % self._step + 1 : place + 1]:
            mask ^= _toggles(rows)
        return mask

    def average(self) -> float:
        """Return how many rows a number has about."""
        some = self._masks[:: max(1, len(self._masks) // 32)]
        return sum(mask.bit_count() for mask in some) / len(some)


def _toggles(rows: Sequence[int]) -> int:
    """Return the rows that are listed an odd number of times."""
    mask = 0
    if len(rows) < 16:  # noqa: PLR2004 - where one bit after the other is quicker
        for row in rows:
            mask ^= 1 << row
        return mask
    counted: defaultdict[int, int] = defaultdict(int)
    for row in rows:
        counted[row] += 1
    return bits.of(row for row, times in counted.items() if times % 2)


def merged(ranges: Sequence[Range]) -> list[Range]:
    """Return ranges that do not overlap and hold the same numbers."""
    lows = sorted(
        (one for one in ranges if one[0] is None or one[1] is None or one[0] <= one[1]),
        key=lambda one: (one[0] is not None, one[0] or 0),
    )
    found: list[Range] = []
    for low, high in lows:
        if found and (low is None or found[-1][1] is None or low <= found[-1][1]):
            before = found[-1][1]
            found[-1] = (found[-1][0], None if before is None or high is None else max(before, high))
        else:
            found.append((low, high))
    return found


def _with_ranges(rows: Rows, member: Callable[[Clause], Sequence[Range]]) -> list[tuple[Range, int]]:
    return [(found, row) for row, clause in rows for found in merged(member(clause))]


def number(rows: Rows, everyone: int) -> Lookup:
    """Look up a single number."""
    reader = rows[0][1].reader
    always = _unless_included(rows, everyone)
    include = Segments(_with_ranges(rows, lambda clause: clause.include or ()), always)
    barring = _with_ranges(rows, lambda clause: clause.exclude)
    exclude = Segments(barring) if barring else None

    def allowed(facts: Facts) -> int:
        value = facts[reader]
        if value is None or value != value:  # noqa: PLR0124 - NaN is what differs from itself
            return always
        left = include.at(value)
        return left if exclude is None else bits.less(left, exclude.at(value))

    return Lookup(allowed, include.average() / max(1, everyone.bit_count()))


def numbers(rows: Rows, everyone: int) -> Lookup:
    """Look up each of several numbers, of which one is enough."""
    reader = rows[0][1].reader
    always = _unless_included(rows, everyone)
    include = Segments(_with_ranges(rows, lambda clause: clause.include or ()))

    def allowed(facts: Facts) -> int:
        left = always
        for value in facts[reader]:
            if value == value:  # noqa: PLR0124 - NaN is what differs from itself
                left |= include.at(value)
        return left

    return Lookup(allowed, (always.bit_count() + include.average()) / max(1, everyone.bit_count()))


def timed(rows: Rows, everyone: int) -> Lookup:
    """Look up numbers by keys, each of which must be exceeded."""
    reader = rows[0][1].reader
    always = _unless_included(rows, everyone)
    ranges: defaultdict[Hashable, list[tuple[Range, int]]] = defaultdict(list)
    for row, clause in rows:
        for key, least in clause.include or ():
            ranges[key].append(((least + 1, None), row))
    include = {key: Segments(found) for key, found in ranges.items()}

    def allowed(facts: Facts) -> int:
        left = always
        for key, value in facts[reader].items():
            if key in include:
                left |= include[key].at(value)
        return left

    average = sum(segments.average() for segments in include.values()) / max(1, len(include))
    return Lookup(allowed, (always.bit_count() + average) / max(1, everyone.bit_count()))


def texts(rows: Rows, everyone: int) -> Lookup:
    """Look up a text by rules, of which one is enough."""
    reader = rows[0][1].reader
    always, include = _unless_included(rows, everyone), _included(rows)
    distinct: list[Match] = list(include)
    masks = list(include.values())
    rules = TextRules(distinct)

    def allowed(facts: Facts) -> int:
        left = always
        for found in rules.hits(facts[reader]):
            left |= masks[found]
        return left

    return Lookup(allowed, _share(always, include, everyone))


LOOKUPS: dict[Form, Callable[[Rows, int], Lookup]] = {
    "one": one,
    "many": many,
    "number": number,
    "numbers": numbers,
    "timed": timed,
    "texts": texts,
}
"""How clauses of each form are looked up; of others they are not."""
