"""When the lanes that wait for a time go on, and what else is to be done at a time."""

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Iterator
from itertools import count

from switchbay.infra.machine import Clock
from switchbay.webhooks.workers.lane import Lane

_LONGEST_SLEEP_SECONDS = 60.0
_STEP_MS = 1_000

Action = Callable[[], None]


class Alarms:
    """Times and lanes, the earliest first. A lane whose generation has changed since is for the caller to ignore."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, Lane | Action | None, int]] = []
        self._numbers = count()
        self._changed = asyncio.Event()
        self._last = clock.now_ms()

    def set(self, at_ms: int, lane: Lane) -> None:
        """Have a lane go on at a time."""
        heapq.heappush(self._heap, (at_ms, next(self._numbers), lane, lane.generation))
        if self._heap[0][2] is lane:
            self._changed.set()

    def tick(self, at_ms: int) -> None:
        """Have ``wait`` end at a time, for something else than a lane."""
        self._push(at_ms, None)

    def call(self, at_ms: int, action: Action) -> None:
        """Have something done at a time."""
        self._push(at_ms, action)

    def _push(self, at_ms: int, action: Action | None) -> None:
        number = next(self._numbers)
        heapq.heappush(self._heap, (at_ms, number, action, 0))
        if self._heap[0][1] == number:
            self._changed.set()

    def due(self) -> Iterator[tuple[Lane, int]]:
        """Take out the lanes whose time has come, each with the generation it had; do what is to be done by now."""
        now = self._clock.now_ms()
        self._follow(now)
        while self._heap and self._heap[0][0] <= now:
            _, _, what, generation = heapq.heappop(self._heap)
            if isinstance(what, Lane):
                yield what, generation
            elif what is not None:
                what()

    def _follow(self, now: int) -> None:
        """When the clock was set back, set everything back with it: a wait is a span, not an hour of the day."""
        back = self._last - now
        self._last = now
        if back > _STEP_MS:
            self._heap = [(at_ms - back, number, what, generation) for at_ms, number, what, generation in self._heap]

    async def wait(self) -> None:
        """Sleep until the next time has come or an earlier one is set; at most a minute, as clocks may be moved."""
        self._changed.clear()
        rest = _LONGEST_SLEEP_SECONDS
        if self._heap:
            rest = min(rest, max(0.001, (self._heap[0][0] - self._clock.now_ms()) / 1000))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rest):
                await self._changed.wait()

    def clear(self) -> None:
        """Forget them all."""
        self._heap.clear()
