"""How ``listen`` answers: which attempts fail on purpose, and in which way. Pure decisions."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

_REMEMBERED_DELIVERIES = 10_000


class Failure(StrEnum):
    """The ways to fail a delivery."""

    STATUS = "status"
    REDIRECT = "redirect"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class FailurePlan:
    """When and how to fail. Without ``first`` and ``rate`` the way of failing, if one is given, applies to all.

    ``first``: the first attempts of each delivery that fail. ``rate``: the share (0 to 1) of all other attempts.
    """

    way: Failure | None = None
    status: int = 500
    first: int = 0
    rate: float = 0.0
    delay_seconds: float = 0.0

    def decide(self, attempt: int, dice: float) -> Failure | None:
        """How to fail this attempt (counted from 1), or None to take it; ``dice`` is a number from 0 to below 1."""
        fails_always = self.way is not None and self.first == 0 and self.rate == 0
        if fails_always or attempt <= self.first or dice < self.rate:
            return self.way or Failure.STATUS
        return None


class Attempts:
    """Counts how often each delivery was seen; remembers a bounded number of deliveries."""

    def __init__(self, remembered: int = _REMEMBERED_DELIVERIES) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[str, int] = OrderedDict()

    def count(self, delivery: str) -> int:
        """Count one more attempt of a delivery and return its number, from 1."""
        number = self._seen.pop(delivery, 0) + 1
        self._seen[delivery] = number
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return number
