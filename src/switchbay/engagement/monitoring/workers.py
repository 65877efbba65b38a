"""Background steps of monitoring: forgetting sessions and visitors, looking for a new database of places."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from switchbay.engagement.monitoring import store
from switchbay.engagement.monitoring.geo import Places
from switchbay.infra.db import Database, DatabaseUnavailable
from switchbay.infra.machine import Clock

ROWS_A_STEP: Final = 500
_DAY_MS: Final = 24 * 3_600_000
_PURGE_SECONDS: Final = 20.0
_PLACES_SECONDS: Final = 10.0
_REST: Final = 3.0
"""How many times as long as a step took the next one waits: requests come first."""
_log = structlog.get_logger("monitoring")


async def purge_once(db: Database, now: int, visitor_days: int) -> bool:
    """Forget a portion of what has been kept for long enough; tell whether there may be more."""
    gone = await db.write(partial(store.purge_visits, now=now, most=ROWS_A_STEP))
    before = now - visitor_days * _DAY_MS
    forgotten = await db.write(partial(store.purge_visitors, before=before, most=ROWS_A_STEP))
    return ROWS_A_STEP in (gone, forgotten)


class Workers:
    """The background work of one node."""

    def __init__(self, db: Database, clock: Clock, places: Places, visitor_days: int) -> None:
        self._db = db
        self._clock = clock
        self._places = places
        self._visitor_days = visitor_days
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin it."""
        for name, step, idle in (
            ("monitoring-purge", self._purge, _PURGE_SECONDS),
            ("monitoring-places", self._look, _PLACES_SECONDS),
        ):
            self._tasks.append(asyncio.create_task(self._repeat(name, step, idle), name=name))

    async def stop(self) -> None:
        """End it; a step under way is done or undone, never half."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _purge(self) -> bool:
        return await purge_once(self._db, self._clock.now_ms(), self._visitor_days)

    async def _look(self) -> bool:
        await asyncio.to_thread(self._places.refresh)
        return False

    async def _repeat(self, name: str, step: Callable[[], Awaitable[bool]], idle_seconds: float) -> None:
        while True:
            begun, is_busy = self._clock.monotonic(), False
            try:
                is_busy = await step()
            except DatabaseUnavailable as error:
                _log.warning("waits for the database", work=name, reason=error.detail.get("reason"))
            except Exception:  # noqa: BLE001 - the loop must go on
                _log.exception("failed", work=name)
            taken = self._clock.monotonic() - begun
            await asyncio.sleep(taken * _REST if is_busy else idle_seconds)
