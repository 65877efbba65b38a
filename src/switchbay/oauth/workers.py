"""Clearing away codes, tokens, grants and client assertions that are over."""

import asyncio
from typing import Final

import structlog

from switchbay.infra.db import Database, DatabaseUnavailable
from switchbay.infra.machine import Clock
from switchbay.oauth.store.assertions import purge_assertions
from switchbay.oauth.store.codes import purge_codes
from switchbay.oauth.store.grants import delete_grants_over
from switchbay.oauth.store.sign_ups import purge_sign_ups
from switchbay.oauth.store.tokens import purge_tokens

PURGE_SECONDS: Final = 600.0
MOST_AT_ONCE: Final = 500
"""Rows of one transaction, so that a purge never holds others up for long."""
KEEP_CODES_MS: Final = 86_400_000
"""A code is kept for a day after its end: whoever comes with it again gives away that it leaked."""
_log = structlog.get_logger("oauth")


async def purge_once(db: Database, now: int, session_ms: int = 0) -> int:
    """Delete what is over, in small transactions; return how many rows went.

    Grants are kept for as long as a session may live: its end is told to the apps that they name.
    """
    gone = 0
    for step in (
        lambda tx: purge_codes(tx, now - KEEP_CODES_MS, MOST_AT_ONCE),
        lambda tx: purge_tokens(tx, now, MOST_AT_ONCE),
        lambda tx: purge_assertions(tx, now, MOST_AT_ONCE),
        lambda tx: purge_sign_ups(tx, now, MOST_AT_ONCE),
        lambda tx: delete_grants_over(tx, now - max(KEEP_CODES_MS, session_ms), MOST_AT_ONCE),
    ):
        while True:
            deleted = await db.write(step)
            gone += deleted
            if deleted < MOST_AT_ONCE:
                break
    return gone


class Purging:
    """The loop that purges. Every node may run it: the work is the same and harmless twice."""

    def __init__(self, db: Database, clock: Clock, session_seconds: int) -> None:
        self._db = db
        self._clock = clock
        self._session_ms = session_seconds * 1000
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the loop."""
        if self._loop is None:
            self._loop = asyncio.create_task(self._run(), name="oauth-purge")

    async def stop(self) -> None:
        """End the loop."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None

    async def _run(self) -> None:
        while True:
            try:
                await purge_once(self._db, self._clock.now_ms(), self._session_ms)
            except DatabaseUnavailable as error:
                _log.warning("purge put off", reason=error.detail.get("reason"))
            except Exception:  # noqa: BLE001 - a loop that dies quietly would let the tables grow for ever
                _log.exception("purge failed")
            await asyncio.sleep(PURGE_SECONDS)
