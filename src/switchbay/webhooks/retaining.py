"""The log's life: parts made ahead of their time and dropped after it, or old rows deleted a few at a time.

On PostgreSQL the log lies in parts, see ``retention``; on SQLite, and in the rest, it is deleted row by row. Nothing
that is pending goes either way, however old it is: a part that holds some waits.
"""

import structlog

from switchbay.infra.db import Database, Tx
from switchbay.infra.machine import Clock
from switchbay.webhooks.retention import missing, outdated
from switchbay.webhooks.store import replays
from switchbay.webhooks.store import retention as store
from switchbay.webhooks.store.listing import first_id_at
from switchbay.webhooks.store.retention import ATTEMPTS, DELIVERIES, Parts, StillPending

_ROWS_A_STEP = 500

_log = structlog.get_logger("webhooks")


class Retaining:
    """Keeps the log for ``keep_seconds``. Any node may do it, and several at once do no harm."""

    def __init__(self, db: Database, clock: Clock, keep_seconds: float) -> None:
        self._db = db
        self._clock = clock
        self._keep_ms = round(keep_seconds * 1000)
        self._passed = ("", "")

    async def step_once(self, most: int = _ROWS_A_STEP) -> bool:
        """Change one part, or delete up to ``most`` rows; tell whether there may be more to do."""
        now = self._clock.now_ms()
        if self._db.engine == "postgresql" and await self._change_parts(now):
            return True
        return await self._delete_rows(now, most)

    # Parts

    async def _change_parts(self, now: int) -> bool:
        if await self._db.write(lambda tx: self._add_part(tx, now)):
            return True
        for table in (DELIVERIES, ATTEMPTS):
            for name in await self._droppable(table, now):
                if await self._drop(table, name):
                    return True
        return False

    async def _add_part(self, tx: Tx, now: int) -> bool:
        if not await store.begin_change(tx):
            return False
        logged = await store.parts(tx, DELIVERIES)
        for span in missing(logged, now, self._keep_ms):
            if await store.add_part(tx, DELIVERIES, span):
                return True
        made = await store.parts(tx, ATTEMPTS)
        for span in logged.keys() - made.keys():
            if span.end > now and await store.add_part(tx, ATTEMPTS, span):
                return True
        return False

    async def _droppable(self, table: str, now: int) -> list[str]:
        async def work(tx: Tx) -> list[str]:
            found = await store.parts(tx, table)
            over = outdated(found, now, self._keep_ms)
            # Attempts stay as long as their deliveries do.
            kept: Parts = {} if table == DELIVERIES else await store.parts(tx, DELIVERIES)
            return [found[span] for span in over if span not in kept]

        return await self._db.read(work)

    async def _drop(self, table: str, name: str) -> bool:
        async def work(tx: Tx) -> bool:
            if not await store.begin_change(tx) or name not in (await store.parts(tx, table)).values():
                return False
            await store.drop_part(tx, table, name)
            return True

        try:
            dropped = await self._db.write(work)
        except StillPending:
            _log.warning("a part of the log is over but waits for what is still to be sent", part=name)
            return False
        if dropped:
            _log.info("a part of the log was dropped", part=name)
        return dropped

    # Rows

    async def _delete_rows(self, now: int, most: int) -> bool:
        account_id, after = self._passed
        before = first_id_at(now - self._keep_ms)
        found = await self._db.read(
            lambda tx: store.find_stretch(tx, account_id=account_id, after=after, before=before, most=most)
        )
        if found is None:
            self._passed = ("", "")
            await self._db.write(lambda tx: replays.delete_finished(tx, now - self._keep_ms))
            return False
        await self._db.write(lambda tx: store.delete_stretch(tx, found))
        self._passed = (found.account_id, found.last)
        return True
