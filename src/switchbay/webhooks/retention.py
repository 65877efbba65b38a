"""How long the log of deliveries is kept, and in which parts it lies on PostgreSQL. Pure.

A part holds the deliveries that were made in a span of time, and is dropped whole when all of it is older than the log
is kept. There are about ten, so that a look at all of them is cheap and little is kept longer than it has to be, and
two are made ahead of their time. What belongs to none of them is in the part ``rest``: then nobody made parts for days,
or a clock was wrong.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

HOUR_MS = 3_600_000
_PARTS = 10
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Span:
    """Deliveries made from ``begin`` (inclusive; None: ever) to ``end`` (exclusive), epoch milliseconds."""

    begin: int | None
    end: int


def part_ms(keep_ms: int) -> int:
    """How long a new part is: whole hours, about a tenth of the time for which the log is kept."""
    return max(1, -(-keep_ms // (_PARTS * HOUR_MS))) * HOUR_MS


def missing(spans: Collection[Span], now: int, keep_ms: int) -> Iterator[Span]:
    """The spans for which parts are to be made: without a gap behind the last one, or from the next full hour on."""
    begin = max((span.end for span in spans), default=0)
    if begin <= now:
        begin = (now // HOUR_MS + 1) * HOUR_MS
    length = part_ms(keep_ms)
    while begin < now + _AHEAD * length:
        yield Span(begin, begin + length)
        begin += length


def outdated(spans: Collection[Span], now: int, keep_ms: int) -> list[Span]:
    """The spans that are over for longer than the log is kept, the oldest first."""
    return sorted((span for span in spans if span.end <= now - keep_ms), key=lambda span: span.end)
