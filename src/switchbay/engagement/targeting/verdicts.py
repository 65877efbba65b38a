"""What a condition says about a visit, and from which data.

Missing data never satisfies what is included and never triggers what is excluded. A condition that includes nothing in
particular holds wherever nothing that it excludes is found.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

from switchbay.engagement.domain.conditions import Polarity

Data: TypeAlias = Mapping[str, object]
"""What was read, by name; values are what JSON can hold."""

_Rule = TypeVar("_Rule")


class Verdict(NamedTuple):
    """``included`` is None where the condition includes nothing in particular."""

    included: bool | None
    excluded: bool
    read: Data

    @property
    def holds(self) -> bool:
        """Whether the condition, standing alone, is satisfied."""
        return self.included is not False and not self.excluded


def plain(holds: bool, read: Data) -> Verdict:  # noqa: FBT001 - it is what the verdict says
    """Return the verdict of a condition that only includes."""
    return Verdict(holds, excluded=False, read=read)


def by_lists(
    include: tuple[_Rule, ...], exclude: tuple[_Rule, ...], hits: Callable[[_Rule], bool], read: Data
) -> Verdict:
    """One included rule that hits is enough, and any excluded one decides against it."""
    included = any(map(hits, include)) if include else None
    return Verdict(included, any(map(hits, exclude)), read)


def by_polarity(polarity: Polarity, hits: bool, read: Data) -> Verdict:  # noqa: FBT001 - what the polarity is about
    """Return the verdict of one rule that is either included or excluded."""
    return Verdict(hits, excluded=False, read=read) if polarity == "include" else Verdict(None, hits, read)


def together(verdicts: Iterable[Verdict]) -> bool:
    """Tell whether conditions of one kind hold together: any that is included, and none that is excluded."""
    wanted, hit = False, False
    for verdict in verdicts:
        if verdict.excluded:
            return False
        wanted = wanted or verdict.included is not None
        hit = hit or verdict.included is True
    return hit or not wanted
