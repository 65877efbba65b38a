"""The checks of single clauses, as data.

A visit meets a few of thousands of rows, wherever they lie in memory, and each object that has to be fetched for them
costs more than what is done with it. So what most clauses ask is a short tuple instead of a function with its cells,
and one loop knows how to ask it.
"""

from collections.abc import Callable, Hashable
from math import inf
from typing import Any, NamedTuple, TypeAlias

from switchbay.engagement.targeting.facts import AT_HAND, Facts, Reader

Check: TypeAlias = Callable[[Facts], bool]

_ANY, _ONE, _ONE_AT_HAND, _BETWEEN, _BETWEEN_AT_HAND, _LONGER, _CHECK = range(7)


class Probe(NamedTuple):
    """How to ask, what reads the value, and what is wanted of it."""

    how: int
    reader: Reader
    wanted: Any


ProbedRow: TypeAlias = tuple[int, tuple[Probe, ...]]
"""An engagement's place, and what must all hold for it."""


def any_of(reader: Reader, wanted: frozenset[Hashable]) -> Probe:
    """Ask whether several values have any of the wanted ones."""
    return Probe(_ANY, reader, wanted)


def one_of(reader: Reader, wanted: frozenset[Hashable]) -> Probe:
    """Ask whether a value is one of the wanted ones."""
    return Probe(_ONE_AT_HAND if reader in AT_HAND else _ONE, reader, wanted)


def between(reader: Reader, low: float | None, high: float | None) -> Probe:
    """Ask whether a number is there and lies in a closed range."""
    wanted = (-inf if low is None else low, inf if high is None else high)
    return Probe(_BETWEEN_AT_HAND if reader in AT_HAND else _BETWEEN, reader, wanted)


def longer(reader: Reader, key: Hashable, least: int) -> Probe:
    """Ask whether the number of a key exceeds another one."""
    return Probe(_LONGER, reader, (key, least))


def by_check(check: Check) -> Probe:
    """Ask a function."""
    return Probe(_CHECK, check, check)


def add_fitting(rows: tuple[ProbedRow, ...], facts: Facts, found: list[int]) -> None:  # noqa: C901, PLR0912
    """Add the places of the rows of which everything holds. The ways to ask are written out here: it is called most."""
    for place, probes in rows:
        for how, reader, wanted in probes:
            if how == _ANY:
                if wanted.isdisjoint(facts[reader]):
                    break
            elif how == _ONE_AT_HAND:
                if reader(facts) not in wanted:
                    break
            elif how == _BETWEEN_AT_HAND:
                value = reader(facts)
                if value is None or not wanted[0] <= value <= wanted[1]:
                    break
            elif how == _ONE:
                if facts[reader] not in wanted:
                    break
            elif how == _BETWEEN:
                value = facts[reader]
                if value is None or not wanted[0] <= value <= wanted[1]:
                    break
            elif how == _LONGER:
                if not facts[reader].get(wanted[0], 0) > wanted[1]:
                    break
            elif not wanted(facts):
                break
        else:
            found.append(place)
