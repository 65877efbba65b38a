"""Ids of visitors, sessions and pages, and how long a session lasts (section 4.8 of the reference)."""

import base64
import re
from collections.abc import Iterator
from typing import Final

from switchbay.engagement.domain.visit import Visit
from switchbay.kit.record import Record

TOTAL_MS: Final = 6 * 3_600_000
IDLE_MS: Final = 30 * 60_000
RANDOM_BYTES: Final = 32 + 8 + 16
_ALPHANUMERIC: Final = bytes.maketrans(b"-_", b"Aa")
_VISITOR: Final = re.compile(r"[A-Za-z0-9_-]{22}")
# Sessions of the vendor's web tag have a dot and 40 hexadecimal digits after it; they are never one of ours.
_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{22}(\.[0-9a-f]{40})?")
_PAGE_DIGITS: Final = 10**9
_MANTISSA: Final = 53
_SHIFT: Final = 64 - _MANTISSA


class Fresh(Record, frozen=True):
    """What a request may need of randomness: new ids, and numbers from 0 to below 1 for the choice of an offer.

    ``random`` are ``RANDOM_BYTES`` of it; most requests need none of them.
    """

    random: bytes

    @property
    def visitor_id(self) -> str:
        """22 letters and digits."""
        return base64.urlsafe_b64encode(self.random[:16])[:22].translate(_ALPHANUMERIC).decode("ascii")

    @property
    def session_id(self) -> str:
        """22 characters of base64url."""
        return base64.urlsafe_b64encode(self.random[16:32])[:22].decode("ascii")

    @property
    def page_id(self) -> str:
        """10 digits."""
        return str(int.from_bytes(self.random[32:40], "big") % (9 * _PAGE_DIGITS) + _PAGE_DIGITS)

    def draws(self) -> Iterator[float]:
        """Two numbers from 0 to below 1."""
        yield _fraction(self.random[40:48])
        yield _fraction(self.random[48:56])


def _fraction(random: bytes) -> float:
    return (int.from_bytes(random, "big") >> _SHIFT) / (1 << _MANTISSA)


def is_visitor_id(text: str) -> bool:
    """Whether this has the shape of a visitor id."""
    return _VISITOR.fullmatch(text) is not None


def is_session_id(text: str) -> bool:
    """Whether this has the shape of a session id."""
    return _SESSION.fullmatch(text) is not None


def is_live(visit: Visit, now: int) -> bool:
    """Whether the session goes on. A clock that another node has ahead of this one's ends none."""
    return now - visit.seen < IDLE_MS and now - visit.started < TOTAL_MS


def ended_at(visit: Visit) -> int:
    """When the session ends if nothing more comes."""
    return min(visit.seen + IDLE_MS, visit.started + TOTAL_MS)
