"""Clearing away what has no effect any more."""

import asyncio

import structlog

from switchbay.accounts.domain.throttle import FORGET_MS, KNOWN_NETWORK_MS
from switchbay.accounts.store import sessions as sessions_store
from switchbay.accounts.store import throttle as throttle_store
from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.machine import Clock

_PURGE_SECONDS = 600
_log = structlog.get_logger("accounts")


async def purge_once(db: Database, now: int) -> int:
    """Delete sessions that are over, forgotten failures and networks not seen for long; return how many rows."""

    async def purge(tx: Tx) -> int:
        gone = await sessions_store.purge(tx, now)
        return gone + await throttle_store.purge(tx, now, now - FORGET_MS, now - KNOWN_NETWORK_MS)

    return await db.write(purge)


async def purge_forever(db: Database, clock: Clock) -> None:
    """Call ``purge_once`` every ten minutes. Every node may do so: the work is the same and harmless twice."""
    while True:
        try:
            await purge_once(db, clock.now_ms())
        except DatabaseUnavailable as error:
            _log.warning("purge put off", reason=error.detail.get("reason"))
        except Exception:  # noqa: BLE001 - a loop that dies quietly would let the tables grow for ever
            _log.exception("purge failed")
        await asyncio.sleep(_PURGE_SECONDS)
