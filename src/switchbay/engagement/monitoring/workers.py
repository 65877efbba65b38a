"""Background steps of monitoring: forgetting sessions and visitors, looking for a new database of places."""

import asyncio
from functools import partial
from typing import Final

from switchbay.engagement.monitoring import store
from switchbay.engagement.monitoring.geo import Places
from switchbay.infra.db import Database
from switchbay.infra.machine import Clock
from switchbay.infra.upkeep import Upkeep

ROWS_A_STEP: Final = 500
_DAY_MS: Final = 24 * 3_600_000
_PURGE_SECONDS: Final = 20.0
_PLACES_SECONDS: Final = 10.0


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
        self._upkeep = Upkeep(clock, "monitoring")

    async def start(self) -> None:
        """Begin it."""
        self._upkeep.begin("monitoring-purge", self._purge, _PURGE_SECONDS)
        self._upkeep.begin("monitoring-places", self._look, _PLACES_SECONDS)

    async def stop(self) -> None:
        """End it; a step under way is done or undone, never half."""
        await self._upkeep.end()

    async def _purge(self) -> bool:
        return await purge_once(self._db, self._clock.now_ms(), self._visitor_days)

    async def _look(self) -> bool:
        await asyncio.to_thread(self._places.refresh)
        return False
