"""What a node does again and again beside its requests."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from switchbay.infra.db.errors import DatabaseUnavailable
from switchbay.infra.machine import Clock

_REST: Final = 3.0
"""How many times as long as a step took the next one waits while there is more to do: requests come first."""


class Upkeep:
    """Steps, each repeated by a task of its own. A step tells whether there is more to do at once."""

    def __init__(self, clock: Clock, logger: str) -> None:
        self._clock = clock
        self._log = structlog.get_logger(logger)
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, name: str, step: Callable[[], Awaitable[bool]], idle_seconds: float) -> None:
        """Repeat ``step`` from now on, every ``idle_seconds`` while there is nothing to do."""
        self._tasks.append(asyncio.create_task(self._repeat(name, step, idle_seconds), name=name))

    async def end(self) -> None:
        """End all of them; a step under way is done or undone, never half."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _repeat(self, name: str, step: Callable[[], Awaitable[bool]], idle_seconds: float) -> None:
        while True:
            begun, is_busy = self._clock.monotonic(), False
            try:
                is_busy = await step()
            except DatabaseUnavailable as error:
                self._log.warning("waits for the database", work=name, reason=error.detail.get("reason"))
            except Exception:  # noqa: BLE001 - the loop must go on
                self._log.exception("failed", work=name)
            taken = self._clock.monotonic() - begun
            await asyncio.sleep(taken * _REST if is_busy else idle_seconds)
