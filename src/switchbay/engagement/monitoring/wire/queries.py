"""Query parameters of the Monitoring API (section 4.2 of the reference)."""

from typing import Final
from urllib.parse import unquote_plus

from switchbay.engagement.monitoring.errors import version_illegal
from switchbay.kit.record import Record

_VERSIONS: Final = frozenset({1.0, 1.1})
_ON_BEHALF: Final = frozenset({"true", "1"})
_LONGEST: Final = 4_096


class Query(Record, frozen=True):
    """What stands in the query. Ids that were not sent are empty."""

    visitor_id: str
    session_id: str
    on_behalf: bool


def parse_query(raw: bytes) -> Query:
    """Read a query; of a parameter that comes twice the first one counts. Raises 400/33 for another version."""
    found: dict[str, str] = {}
    for part in raw[:_LONGEST].decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        found.setdefault(name, unquote_plus(value) if "%" in value or "+" in value else value)
    if not is_version(found.get("v", "")):
        raise version_illegal()
    return Query(found.get("vid", ""), found.get("sid", ""), found.get("obh", "").lower() in _ON_BEHALF)


def is_version(text: str) -> bool:
    """Whether this is the number 1.0 or 1.1 in decimal digits."""
    try:
        return text.isascii() and text.replace(".", "", 1).isdigit() and float(text) in _VERSIONS
    except ValueError:
        return False
