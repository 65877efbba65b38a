"""From happenings to counts, and what a report is asked for. No I/O, no clock.

The words on the left are those of the reference's section 5.2: an offer that is displayed is an exposure, one that is
accepted a click. A conversion is counted in the hour in which the goal was reached, for the offer that it follows from.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from switchbay.engagement.domain.happenings import Happening, HappeningKind
from switchbay.engagement.reports import errors
from switchbay.kit.record import Record

HOUR_MS: Final = 3_600_000
HOURS_A_DAY: Final = 24
DEFAULT_HOURS: Final = 7 * HOURS_A_DAY
MOST_HOURS: Final = 400 * HOURS_A_DAY
MOST_VALUE: Final = 1e12
"""What one conversion counts for at most: what visitors report is not to overflow a sum."""
_YEARS: Final = range(1971, 9999)

Part: TypeAlias = Literal["hour", "day", "campaign", "engagement"]
PARTS: Final[tuple[Part, ...]] = ("hour", "day", "campaign", "engagement")
BY_DEFAULT: Final[tuple[Part, ...]] = ("campaign", "engagement")
NAMED: Final[tuple[Part, ...]] = ("campaign", "engagement")
Key: TypeAlias = tuple[int, int, int]
"""Hour, campaign and engagement."""

COLUMNS: Final[Mapping[HappeningKind, str]] = {
    "offered": "offered",
    "displayed": "displayed",
    "accepted": "accepted",
    "closed": "closed",
    "timeout": "timed_out",
    "conversation": "conversations",
    "goal": "conversions",
}
"""Where a happening is counted; an offer that was expanded is not."""
VALUE: Final = "conversion_value"
COUNTED: Final = (*COLUMNS.values(), VALUE)


class Question(Record, frozen=True, kw_only=True):
    """What a report is to tell: hours from the first to before the last, and by which parts."""

    first_hour: int
    end_hour: int
    by: tuple[Part, ...] = BY_DEFAULT
    campaign_id: int | None = None
    engagement_id: int | None = None


class Line(Record, frozen=True, kw_only=True):
    """One line of a report: the parts that were asked for, and what was counted."""

    parts: Mapping[Part, int]
    counts: Mapping[str, int | float]


def tally(happenings: Iterable[Happening]) -> dict[Key, dict[str, int | float]]:
    """Add happenings up."""
    found: dict[Key, dict[str, int | float]] = {}
    for one in happenings:
        column = COLUMNS.get(one.kind)
        if column is None:
            continue
        counts = found.setdefault((one.at // HOUR_MS, one.campaign_id, one.engagement_id), dict.fromkeys(COUNTED, 0))
        counts[column] += 1
        if one.kind == "goal" and one.value is not None and math.isfinite(one.value):
            counts[VALUE] += min(max(one.value, 0), MOST_VALUE)
    return found


def ask(
    now: int,
    since: str | None,
    until: str | None,
    by: str | None,
    campaign_id: int | None = None,
    engagement_id: int | None = None,
) -> Question:
    """Read what a report is asked for. ``now`` in Unix milliseconds.

    Times are days or times of ISO 8601, in UTC where they name no offset; an hour that has begun is whole. Without them
    it is the last seven days. Raises ``report_time_invalid``, ``report_period_invalid`` and ``report_part_unknown``.
    """
    end_hour = -(-now // HOUR_MS) if until is None else -(-_moment(until) // HOUR_MS)
    first_hour = end_hour - DEFAULT_HOURS if since is None else _moment(since) // HOUR_MS
    if not first_hour < end_hour <= first_hour + MOST_HOURS:
        raise errors.period_invalid(MOST_HOURS // HOURS_A_DAY)
    parts = BY_DEFAULT if by is None else tuple(part for part in PARTS if part in by.split(","))
    if by is not None and (len(parts) != len(by.split(",")) or {"hour", "day"} <= set(parts)):
        raise errors.part_unknown(PARTS)
    return Question(
        first_hour=first_hour, end_hour=end_hour, by=parts, campaign_id=campaign_id, engagement_id=engagement_id
    )


def _moment(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise errors.time_invalid() from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if at.year not in _YEARS:  # with its offset it may lead beyond the years that there are
        raise errors.time_invalid()
    return round(at.timestamp() * 1_000)


def hour_text(hour: int) -> str:
    """An hour as ISO 8601 writes it, in UTC."""
    return datetime.fromtimestamp(hour * HOUR_MS // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_text(day: int) -> str:
    """A day, counted from the epoch, as ISO 8601 writes it."""
    return hour_text(day * HOURS_A_DAY)[:10]
