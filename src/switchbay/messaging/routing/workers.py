"""When which account's router makes a step on this node.

A step follows at once when something has changed on this node, and at the times that steps ask for. Other nodes see to
what they change themselves: each step locks the account's router and sees whatever was committed before, so of two
changes that belong together the later one's step sees both. What a node that was killed leaves behind, a sweep finds.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from switchbay.infra.db import DatabaseUnavailable
from switchbay.infra.machine import Clock

_TOGETHER: Final = 8
_GATHER_SECONDS: Final = 0.01
_LONGEST_SLEEP_SECONDS: Final = 60.0
_AGAIN_MS: Final = 1_000
_log = structlog.get_logger("routing")

Step = Callable[[str, bool], Awaitable[int | None]]
"""Makes a step for an account, whether (True) or not (False) it looks pointless; tells when the next one is due."""


class Routers:
    """The accounts of which this node's routers have something to do."""

    def __init__(
        self, clock: Clock, step: Step, sweep: Callable[[], Awaitable[set[str]]], sweep_seconds: float
    ) -> None:
        self._clock = clock
        self._step = step
        self._sweep = sweep
        self._sweep_ms = int(sweep_seconds * 1_000)
        self._swept_at = 0
        self._woken: set[str] = set()
        self._due: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self, account_id: str) -> None:
        """Have a step made soon."""
        self._woken.add(account_id)
        self._changed.set()

    def note(self, account_id: str, at: int | None) -> None:
        """Have a step made at a time."""
        if at is not None and at < self._due.get(account_id, at + 1):
            self._due[account_id] = at
            self._changed.set()

    def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="routing")

    async def stop(self) -> None:
        """End; a step under way is undone or done, never half."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def work_once(self) -> bool:
        """Make the steps that are due by now, one for each account; tell whether there were any."""
        now = self._clock.now_ms()
        due = {account_id for account_id, at in self._due.items() if at <= now}
        woken, self._woken = self._woken, set()
        for account_id in due:
            del self._due[account_id]
        accounts = sorted(due | woken)
        for start in range(0, len(accounts), _TOGETHER):
            await asyncio.gather(*(self._make(one, is_due=one in due) for one in accounts[start : start + _TOGETHER]))
        return bool(accounts)

    async def sweep_once(self) -> None:
        """Look for what other nodes have left."""
        self._swept_at = self._clock.now_ms()
        for account_id in await self._sweep():
            self.note(account_id, self._swept_at)

    async def _make(self, account_id: str, *, is_due: bool) -> None:
        try:
            self.note(account_id, await self._step(account_id, is_due))
        except DatabaseUnavailable as error:
            _log.warning("waits for the database", reason=error.detail.get("reason"))
            self.note(account_id, self._clock.now_ms() + _AGAIN_MS)
        except Exception:  # noqa: BLE001 - one bad account must not stop the others
            _log.exception("a step failed", account=account_id)
            self.note(account_id, self._clock.now_ms() + _AGAIN_MS)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                if abs(self._clock.now_ms() - self._swept_at) >= self._sweep_ms:
                    await self.sweep_once()
            except DatabaseUnavailable as error:
                _log.warning("waits for the database", reason=error.detail.get("reason"))
            except Exception:  # noqa: BLE001 - the loop must go on
                _log.exception("a sweep failed")
            if await self.work_once():
                await asyncio.sleep(_GATHER_SECONDS)  # what comes in a rush is seen to together
                continue
            await self._rest()

    async def _rest(self) -> None:
        now = self._clock.now_ms()
        until = min([self._swept_at + self._sweep_ms, *self._due.values()])
        rest = min(_LONGEST_SLEEP_SECONDS, max(0.001, (until - now) / 1_000))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rest):
                await self._changed.wait()
