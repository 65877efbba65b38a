"""Times and spans of time in words, for people."""

from datetime import UTC, datetime
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60
_DAY: Final = 24


def moment(at: int) -> str:
    """A time, given in epoch milliseconds, to the minute, in UTC."""
    return datetime.fromtimestamp(at // 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def span(milliseconds: int) -> str:
    """How long something takes, by its two largest units: ``2 h 5 min``. What is shorter than a minute is ``0 min``."""
    minutes = max(0, milliseconds) // 1_000 // _MINUTE
    hours, minutes = divmod(minutes, _HOUR)
    days, hours = divmod(hours, _DAY)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
