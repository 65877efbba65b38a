"""Time frames of campaigns: local times of a time zone of the IANA database, and the instants that they are.

Where clocks are set forward a local time may not exist: it is read by the offset that held before, so that it falls
after the change. Where they are set back it comes twice: a frame starts at the first of the two and ends at the second,
so that it is never shorter than it reads.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_LOCAL: Final = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Whether the name is one of the IANA database, such as ``Europe/Berlin``."""
    return name in _zones()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def is_local_time(text: str) -> bool:
    """Whether a text is a local time such as ``2026-11-28T09:00:00``, seconds or not; years 1000 to 2999."""
    if _LOCAL.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def start_of(local: str, zone: str) -> int:
    """The instant at which a frame starts, in epoch milliseconds."""
    return _instant(local, zone, fold=0)


def end_of(local: str, zone: str) -> int:
    """The instant before which a frame ends, in epoch milliseconds."""
    first = _instant(local, zone, fold=0)
    return max(first, _instant(local, zone, fold=1)) if _is_twice(local, zone) else first


def _instant(local: str, zone: str, *, fold: int) -> int:
    at = datetime.fromisoformat(local).replace(tzinfo=_zone(zone), fold=fold)
    return int(at.timestamp()) * 1000


def _is_twice(local: str, zone: str) -> bool:
    """Whether clocks show this local time twice: there the second time is the later one; in a gap it is the earlier."""
    return _instant(local, zone, fold=1) > _instant(local, zone, fold=0)
