"""What a dispatcher does again and again by itself: look for what others left, and let go on what waits for a time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from switchbay.infra.db import Database, DatabaseUnavailable
from switchbay.webhooks.workers.alarms import Alarms

LANES_ARE_DUE = "switchbay_webhook_lanes"
"""The notice that some lane waits for any node that delivers."""
_AGAIN_SECONDS = 0.1

_log = structlog.get_logger("webhooks")

Sweep = Callable[[], Awaitable[None]]
Wake = Callable[[], object]


class Rounds:
    """Two loops: ``sweep``, every so many seconds and when another node gives notice, and ``wake``, at each alarm."""

    def __init__(self, db: Database, alarms: Alarms, *, sweep: Sweep, wake: Wake, seconds: float) -> None:
        self._db = db
        self._alarms = alarms
        self._sweep = sweep
        self._wake = wake
        self._seconds = seconds
        self._is_called = asyncio.Event()
        self._end_listening: Callable[[], None] | None = None
        self._loops: list[asyncio.Task[None]] = []

    def sweep_soon(self) -> None:
        """Sweep now, without waiting for the next time."""
        self._is_called.set()

    def start(self) -> None:
        """Begin."""
        self._end_listening = self._db.listen(LANES_ARE_DUE, self.sweep_soon)
        loop = asyncio.get_running_loop()
        self._loops = [loop.create_task(self._sweep_for_ever()), loop.create_task(self._wake_for_ever())]

    async def stop(self) -> None:
        """End."""
        if self._end_listening is not None:
            self._end_listening()
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []

    async def _sweep_for_ever(self) -> None:
        while True:
            self._is_called.clear()
            try:
                await self._sweep()
            except DatabaseUnavailable as error:
                _log.warning("the sweep waits for the database", reason=error.detail.get("reason"))
            except Exception:  # noqa: BLE001 - the sweep must go on
                _log.exception("the sweep failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._is_called.wait()

    async def _wake_for_ever(self) -> None:
        while True:
            try:
                self._wake()
            except Exception:  # noqa: BLE001 - what else waits must go on
                _log.exception("waking failed")
                await asyncio.sleep(_AGAIN_SECONDS)
            await self._alarms.wait()
