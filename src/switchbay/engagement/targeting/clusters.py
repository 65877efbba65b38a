"""Rows that are offered at one place, and how those are found which fit a visit.

A row is an engagement with one of its behaviours: all of the row's clauses must hold. Where there are many rows,
clauses that read the same are looked up together and what is left is one integer's bits; what is still left after the
lookups that leave least is checked row by row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from switchbay.engagement.targeting.clauses import Check, Clause, Form
from switchbay.engagement.targeting.facts import Facts, Reader
from switchbay.engagement.targeting.tables import LOOKUPS, Lookup

_FEW = 4
"""So many rows are checked one after the other, without lookups."""
_CHECKED_AT_MOST = 16
"""When so many rows have been checked after the first lookups, the others are made before the rest is."""


class Row(NamedTuple):
    """``place`` is the engagement's among all of the account; ``clauses`` are in the order of their checks."""

    place: int
    clauses: tuple[Clause, ...]


Cluster = Callable[[Facts], list[int]]
"""Gives the places of the engagements whose rows fit; one may be there more than once."""


def cluster_of(rows: Sequence[Row]) -> Cluster:
    """Compile rows that are offered at the same place."""
    return _few(rows) if len(rows) <= _FEW else _Many(rows).fitting


def _few(rows: Sequence[Row]) -> Cluster:
    listed = tuple((row.place, tuple(clause.check for clause in row.clauses)) for row in rows)

    def fitting(facts: Facts) -> list[int]:
        found = []
        for place, checks in listed:
            for check in checks:
                if not facts[check]:
                    break
            else:
                found.append(place)
        return found

    return fitting


class _Many:
    """Lookups, the one that leaves least first, and for each row the checks that they do not make."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._everyone = (1 << len(rows)) - 1
        self._places = [row.place for row in rows]
        grouped: defaultdict[tuple[Form, Reader], list[tuple[int, Clause]]] = defaultdict(list)
        looked_up: dict[tuple[int, int], tuple[Form, Reader]] = {}
        for number, row in enumerate(rows):
            for position, clause in enumerate(row.clauses):
                group = (clause.form, clause.reader)
                in_group = grouped[group] if clause.form in LOOKUPS else None
                if in_group is not None and (not in_group or in_group[-1][0] != number):
                    in_group.append((number, clause))
                    if clause.is_exact:
                        looked_up[number, position] = group
        lookups = sorted(
            (
                (LOOKUPS[form](found, self._everyone), (form, reader))
                for (form, reader), found in grouped.items()
                if found
            ),
            key=lambda one: one[0].share,
        )
        first = _how_many(lookups, len(rows))
        self._first = tuple(lookup.allowed for lookup, _ in lookups[:first])
        self._others = tuple(lookup.allowed for lookup, _ in lookups[first:])
        made = {group for _, group in lookups[:first]}
        self._checks = [tuple(_left(row, number, looked_up, made)) for number, row in enumerate(rows)]

    def fitting(self, facts: Facts) -> list[int]:
        mask = self._everyone
        for allowed in self._first:
            mask &= allowed(facts)
            if not mask:
                return []
        found: list[int] = []
        mask = self._checked(facts, mask, _CHECKED_AT_MOST, found)
        if mask:
            for allowed in self._others:
                mask &= allowed(facts)
            self._checked(facts, mask, len(self._places), found)
        return found

    def _checked(self, facts: Facts, mask: int, at_most: int, found: list[int]) -> int:
        """Check rows from the last one on; the bits of those that were not checked."""
        all_checks, places = self._checks, self._places
        while mask and at_most:
            at_most -= 1
            row = mask.bit_length() - 1
            mask ^= 1 << row
            for check in all_checks[row]:
                if not facts[check]:
                    break
            else:
                found.append(places[row])
        return mask


def _how_many(lookups: Sequence[tuple[Lookup, object]], rows: int) -> int:
    """Return how many lookups are made before rows are checked: until about one is left, and at least two."""
    left = float(rows)
    for number, (lookup, _) in enumerate(lookups):
        if left <= 1 and number >= 2:  # noqa: PLR2004 - the estimate is rough
            return number
        left *= lookup.share
    return len(lookups)


def _left(
    row: Row, number: int, looked_up: dict[tuple[int, int], tuple[Form, Reader]], made: set[tuple[Form, Reader]]
) -> Iterator[Check]:
    """The checks of a row's clauses that no lookup decides."""
    for position, clause in enumerate(row.clauses):
        if looked_up.get((number, position)) not in made:
            yield clause.check
