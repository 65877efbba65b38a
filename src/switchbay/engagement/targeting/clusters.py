"""Rows that are offered at one place, and how those are found which fit a visit.

A row is an engagement with one of its behaviours: all of the row's clauses must hold. A few rows are checked one after
the other. Of many rows each is filed under the values that it asks for most rarely, such as a product, if it asks for
such: a visit meets only the rows of the values that it has. The others are looked up together, clauses that read the
same in one step, and what is left is one integer's bits; what is still left after the lookups that leave least is
checked row by row.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from switchbay.engagement.targeting.clauses import Clause, Form
from switchbay.engagement.targeting.facts import Facts, Reader
from switchbay.engagement.targeting.probes import Probe, ProbedRow, add_fitting
from switchbay.engagement.targeting.tables import LOOKUPS, Lookup

_FEW = 4
"""So many rows are checked one after the other, without lookups."""
_CHECKED_AT_MOST = 16
"""When so many rows have been checked after the first lookups, the others are made before the rest is."""
_RARE = 1 / 16
"""A row is filed under its values where a visit is thought to have them more rarely than this."""
_DEEPEST = 3
_KEYED = frozenset({"one", "many", "timed"})
"""Forms of clauses that ask for values."""
_USUAL = 0.5
"""The share of visits for which a clause is thought to hold of which nothing is known."""


class Row(NamedTuple):
    """``place`` is the engagement's among all of the account."""

    place: int
    clauses: tuple[Clause, ...]


Cluster: TypeAlias = tuple[ProbedRow, ...] | Callable[[Facts, list[int]], None]
"""A few rows as they are, or what adds the places of the engagements that fit; one may be added more than once."""


def add_to(cluster: Cluster, facts: Facts, found: list[int]) -> None:
    """Add the places of the engagements of a cluster that fit."""
    if isinstance(cluster, tuple):
        add_fitting(cluster, facts, found)
    else:
        cluster(facts, found)


class Rarity:
    """How rare it is thought that a clause holds: visitors have what many rows ask for more often than what few do."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._asked: defaultdict[Reader, Counter[Hashable]] = defaultdict(Counter)
        for row in rows:
            for clause in row.clauses:
                if clause.form in _KEYED:
                    self._asked[clause.reader].update(_keys(clause))
        self._all = {reader: counts.total() for reader, counts in self._asked.items()}

    def share(self, clause: Clause) -> float:
        """Return about which share of visits a clause holds for."""
        if clause.form not in _KEYED or clause.include is None:
            return _USUAL
        counts = self._asked[clause.reader]
        return sum(counts[key] for key in _keys(clause)) / max(2, self._all[clause.reader])

    def ordered(self, clauses: Iterable[Clause]) -> tuple[Clause, ...]:
        """Order clauses so that what is cheap and what rarely holds is checked first."""
        return tuple(sorted(clauses, key=lambda clause: (clause.cost, self.share(clause))))


def _keys(clause: Clause) -> Iterable[Hashable]:
    """Return the values of a visit of which it must have one for the clause to hold."""
    return [key for key, _ in clause.include or ()] if clause.form == "timed" else clause.include or ()


def cluster_of(rows: Sequence[Row], rarity: Rarity, depth: int = 0) -> Cluster:
    """Compile rows that are offered at the same place."""
    if len(rows) <= _FEW:
        return _probed(rows)
    if depth == _DEEPEST:
        return _Many(rows).add
    filed: defaultdict[tuple[Reader, bool], defaultdict[Hashable, list[Row]]] = defaultdict(lambda: defaultdict(list))
    others: list[Row] = []
    for row in rows:
        rarest = min(row.clauses, key=rarity.share, default=None)
        if rarest is None or rarity.share(rarest) > _RARE:
            others.append(row)
            continue
        is_decided = rarest.is_exact and not rarest.exclude and rarest.form != "timed"
        left = tuple(clause for clause in row.clauses if clause is not rarest) if is_decided else row.clauses
        for key in dict.fromkeys(_keys(rarest)):
            filed[rarest.reader, rarest.form == "one"][key].append(Row(row.place, left))
    if not filed:
        return _Many(rows).add
    tables = [
        (reader, is_single, {key: cluster_of(found, rarity, depth + 1) for key, found in by_key.items()})
        for (reader, is_single), by_key in filed.items()
    ]
    return _by_value(tables, cluster_of(others, rarity, depth + 1) if others else None)


def _by_value(listed: Sequence[tuple[Reader, bool, Mapping[Hashable, Cluster]]], others: Cluster | None) -> Cluster:
    """File rows by the values of each reader, which gives one or several."""

    def add(facts: Facts, found: list[int]) -> None:
        for reader, is_single, table in listed:
            if is_single:
                if (cluster := table.get(facts[reader])) is not None:
                    add_to(cluster, facts, found)
                continue
            for value in facts[reader]:
                if value in table:
                    add_to(table[value], facts, found)
        if others is not None:
            add_to(others, facts, found)

    return add


def _probed(rows: Sequence[Row]) -> tuple[ProbedRow, ...]:
    return tuple((row.place, tuple(clause.probe for clause in row.clauses)) for row in rows)


class _Many:
    """Lookups, the one that leaves least first, and for each row the checks that they do not make."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._everyone = (1 << len(rows)) - 1
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
        self._rows = [((row.place, tuple(_left(row, number, looked_up, made))),) for number, row in enumerate(rows)]

    def add(self, facts: Facts, found: list[int]) -> None:
        mask = self._everyone
        for allowed in self._first:
            mask &= allowed(facts)
            if not mask:
                return
        mask = self._checked(facts, mask, _CHECKED_AT_MOST, found)
        if mask:
            for allowed in self._others:
                mask &= allowed(facts)
            self._checked(facts, mask, len(self._rows), found)

    def _checked(self, facts: Facts, mask: int, at_most: int, found: list[int]) -> int:
        """Check rows from the last one on; the bits of those that were not checked."""
        rows = self._rows
        while mask and at_most:
            at_most -= 1
            row = mask.bit_length() - 1
            mask ^= 1 << row
            add_fitting(rows[row], facts, found)
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
) -> Iterator[Probe]:
    """The probes of a row's clauses that no lookup decides."""
    for position, clause in enumerate(row.clauses):
        if looked_up.get((number, position)) not in made:
            yield clause.probe
