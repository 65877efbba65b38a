"""How far the pages of other nodes have been read.

A node numbers its pages from 1 before they commit, so a page can be visible before one with a smaller number, and a
number can be missing for ever when its transaction failed. What is there is taken at once; what is missing is looked
for a while.
"""

from collections.abc import Iterable
from typing import Final

PATIENCE_SECONDS: Final = 5.0


class Head:
    """The pages of one node: all up to ``low`` are done, and some above."""

    def __init__(self, low: int) -> None:
        self.low = low
        self._above: dict[int, float] = {}

    def take(self, numbers: Iterable[int], now: float) -> list[int]:
        """Which of these pages are new; they count as done. ``now`` in seconds."""
        new = [number for number in numbers if number > self.low and number not in self._above]
        for number in new:
            self._above[number] = now
        self._advance(now)
        return new

    def _advance(self, now: float) -> None:
        while self._above:
            following = self.low + 1
            if following not in self._above:
                least = min(self._above)
                if now - self._above[least] < PATIENCE_SECONDS:
                    return
                following = least  # what has not come by now was never committed
            del self._above[following]
            self.low = following
