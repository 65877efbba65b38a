"""Work that every node may do beside delivering: one plain step again and again, with a pause."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from switchbay.infra.db import DatabaseUnavailable

_log = structlog.get_logger("webhooks")

Step = Callable[[], Awaitable[bool]]


class Background:
    """A loop around ``step``, which tells whether there was work: then the next follows after ``busy_seconds``."""

    def __init__(self, name: str, step: Step, *, busy_seconds: float, idle_seconds: float) -> None:
        self._name = name
        self._step = step
        self._busy_seconds = busy_seconds
        self._idle_seconds = idle_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End; a step under way is undone or done, never half."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            worked = False
            try:
                worked = await self._step()
            except DatabaseUnavailable as error:
                _log.warning("waits for the database", work=self._name, reason=error.detail.get("reason"))
            except Exception:  # noqa: BLE001 - the loop must go on
                _log.exception("failed", work=self._name)
            await asyncio.sleep(self._busy_seconds if worked else self._idle_seconds)
