"""Writing down results in batches, each fenced by its lane's lease.

One write is under way at a time; what arrives meanwhile goes into the next one. When the database is away, the batch is
written again and again: a result is never dropped while the process lives.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.webhooks.domain import AttemptOutcome, Pending, Reason, Status
from switchbay.webhooks.store import deliveries, lanes
from switchbay.webhooks.store.lanes import LaneKey
from switchbay.webhooks.workers.lane import Lane

_MOST_A_BATCH = 256
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0

_log = structlog.get_logger("webhooks")


@dataclass(frozen=True, slots=True)
class Result:
    """What is to be written down about a lane: an attempt or a cancellation of ``delivery``, or its lease alone.

    ``release_at`` is the position that must be the lane's next for it to be released; None keeps the lane until
    ``wake_at``. ``leaves`` says that the lane leaves this node's memory although something of it is pending.
    """

    lane: Lane
    fence: int
    wake_at: int
    release_at: int | None
    at: int
    delivery: Pending | None = None
    attempt: deliveries.AttemptRow | None = None
    outcome: AttemptOutcome | None = None
    cancelled: Reason | None = None
    next_attempt_at: int | None = None
    leaves: bool = False

    @property
    def key(self) -> LaneKey:
        """The lane's key."""
        return self.lane.key


class Fate(Enum):
    """What became of a lane when a result was written."""

    HELD = auto()
    RELEASED = auto()
    LOST = auto()
    """It was no longer ours; nothing was written."""


Recorded = Callable[[Result, Fate], None]


_FATES = {True: Fate.RELEASED, False: Fate.HELD, None: Fate.LOST}


async def write(tx: Tx, results: Sequence[Result]) -> dict[LaneKey, bool]:
    """Write results of different lanes; those whose fence no longer holds leave no trace."""
    held = await lanes.settle(
        tx, [lanes.Settle(each.key, each.fence, each.wake_at, each.release_at) for each in results]
    )
    ours = [each for each in results if each.key in held]
    await deliveries.finish(tx, [_finished(each, each.delivery) for each in ours if each.delivery and _ends(each)])
    await deliveries.postpone(
        tx,
        [
            deliveries.Postponed(each.key[0], each.delivery.id, each.delivery.attempts + 1, each.next_attempt_at)
            for each in ours
            if each.delivery is not None and each.next_attempt_at is not None
        ],
    )
    await deliveries.insert_attempts(tx, [each.attempt for each in ours if each.attempt is not None])
    return held


def _ends(result: Result) -> bool:
    return result.next_attempt_at is None


def _finished(result: Result, delivery: Pending) -> deliveries.Finished:
    if result.cancelled is not None:
        status, reason, made = Status.CANCELLED, result.cancelled.value, delivery.attempts
    elif result.outcome is AttemptOutcome.DELIVERED:
        status, reason, made = Status.DELIVERED, None, delivery.attempts + 1
    else:
        status, reason, made = Status.FAILED, Reason.RETRIES_EXHAUSTED.value, delivery.attempts + 1
    return deliveries.Finished(result.key[0], delivery.id, status, reason, made, result.at)


class Recorder:
    """The queue of results and the task that writes them."""

    def __init__(self, db: Database, recorded: Recorded) -> None:
        self._db = db
        self._recorded = recorded
        self._queue: deque[Result] = deque()
        self._task: asyncio.Task[None] | None = None
        self._wait = _FIRST_WAIT_SECONDS

    @property
    def is_idle(self) -> bool:
        """Nothing is queued or being written."""
        return self._task is None

    def put(self, result: Result) -> None:
        """Have a result written."""
        self._queue.append(result)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write_all())

    async def flush(self) -> None:
        """Wait until everything is written."""
        while self._task is not None:
            await asyncio.shield(self._task)

    def cancel(self) -> None:
        """Give up writing; what is unwritten will be sent again when the leases have run out."""
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    async def _write_all(self) -> None:
        try:
            await asyncio.sleep(0)  # results of the same turn of the loop go together
            while self._queue:
                await self._write_batch(self._next_batch())
        finally:
            self._task = None

    def _next_batch(self) -> list[Result]:
        batch: dict[LaneKey, Result] = {}
        later: list[Result] = []
        while self._queue and len(batch) < _MOST_A_BATCH:
            result = self._queue.popleft()
            if result.key in batch:
                later.append(result)
            else:
                batch[result.key] = result
        self._queue.extendleft(reversed(later))
        return list(batch.values())

    async def _write_batch(self, batch: list[Result]) -> None:
        while True:
            try:
                held = await self._db.write(lambda tx: write(tx, batch))
            except DatabaseUnavailable as error:
                _log.warning("results wait for the database", count=len(batch), reason=error.detail.get("reason"))
                await asyncio.sleep(self._wait)
                self._wait = min(2 * self._wait, _LONGEST_WAIT_SECONDS)
            except Exception:  # noqa: BLE001 - one bad result must not hold up the others
                if len(batch) == 1:
                    _log.exception("a result cannot be recorded", lane=batch[0].key)
                    self._recorded(batch[0], Fate.LOST)
                    return
                for each in batch:
                    await self._write_batch([each])
                return
            else:
                self._wait = _FIRST_WAIT_SECONDS
                for each in batch:
                    self._recorded(each, _FATES[held.get(each.key)])
                return
