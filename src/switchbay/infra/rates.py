"""Limits on how often something may happen for somebody, kept in the memory of this node."""

import math
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from switchbay.infra.machine import Clock
from switchbay.infra.memory import BoundedCache

K = TypeVar("K", bound=Hashable)
_MINUTE: Final = 60.0


class Rates(Generic[K]):
    """Lets each key do something ``per_minute`` times at once, and from then on evenly as often.

    Who was not seen for the longest is forgotten when there are more than ``most`` keys, and begins anew.
    """

    def __init__(self, clock: Clock, per_minute: int, *, most: int = 50_000) -> None:
        self._clock = clock
        self._gap = _MINUTE / per_minute
        self._free: BoundedCache[K, float] = BoundedCache(most)

    def take(self, key: K) -> int:
        """Count one more time and return 0; or the whole seconds after which it may be tried again."""
        now = self._clock.monotonic()
        free = max(self._free.get(key) or now, now)  # when all that was taken is free again
        after = free + self._gap - now
        if after > _MINUTE + 1e-6:
            return max(1, math.ceil(after - _MINUTE))
        self._free.put(key, free + self._gap)
        return 0
