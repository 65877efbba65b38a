"""Reading on: lanes whose database has more than memory, several in one read."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from switchbay.infra.db import Database, DatabaseUnavailable, Work
from switchbay.webhooks.domain import Pending
from switchbay.webhooks.store.windows import windows
from switchbay.webhooks.workers.lane import WINDOW, Lane, Memory

_LANES_A_READ = 64
_WAIT_SECONDS = 0.5

_log = structlog.get_logger("webhooks")
_Read = tuple[list[Pending], int]


class Reader:
    """The queue of lanes to be read, and the task that reads them."""

    def __init__(self, db: Database, memory: Memory, has_read: Callable[[Lane], None]) -> None:
        self._db = db
        self._memory = memory
        self._has_read = has_read
        self._queue: deque[tuple[Lane, int]] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing is queued or being read."""
        return self._task is None

    def put(self, lane: Lane) -> None:
        """Have a lane read on from ``lane.expected``."""
        self._queue.append((lane, lane.generation))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._read_all())

    def cancel(self) -> None:
        """Read nothing more."""
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    async def _read_all(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(_LANES_A_READ, len(self._queue)))]
                await self._read_batch(batch)
        finally:
            self._task = None

    async def _read_batch(self, batch: Sequence[tuple[Lane, int]]) -> None:
        most = WINDOW if self._memory.has_room else 1
        wanted = [(lane.key, lane.expected) for lane, _ in batch]

        found = await self._fetch(lambda tx: windows(tx, wanted, most=most), len(batch))
        for (lane, generation), (window, next_position) in zip(batch, found, strict=True):
            if lane.generation == generation:  # else it changed hands meanwhile, and what was read is void
                lane.read(window, next_position, most=most)
            self._has_read(lane)

    async def _fetch(self, work: Work[list[_Read]], count: int) -> list[_Read]:
        while True:
            try:
                return await self._db.read(work)
            except DatabaseUnavailable as error:
                _log.warning("lanes wait for the database", count=count, reason=error.detail.get("reason"))
            except Exception:  # noqa: BLE001 - a lane must not be lost to a passing fault
                _log.exception("lanes cannot be read", count=count)
            await asyncio.sleep(_WAIT_SECONDS)
