"""Writing down results in batches, each fenced by its lane's lease.

One write is under way at a time; what arrives meanwhile goes into the next one. When the database is away, the batch is
written again and again: a result is never dropped while the process lives.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

import structlog

from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.kit.record import Record
from switchbay.webhooks import metrics
from switchbay.webhooks.domain import (
    GONE,
    AttemptOutcome,
    Gate,
    Pending,
    Reason,
    Status,
    gate_after_failure,
    gate_after_success,
)
from switchbay.webhooks.operational import Change, Notice
from switchbay.webhooks.store import deliveries, gates, lanes, owners
from switchbay.webhooks.store.gates import OwnerGate
from switchbay.webhooks.store.lanes import LaneKey, OwnerKey
from switchbay.webhooks.tables import HELD
from switchbay.webhooks.workers.gates import closed_timer, timer_while_disabled
from switchbay.webhooks.workers.lane import Lane

_MOST_A_BATCH = 256
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0

_log = structlog.get_logger("webhooks")


class Result(Record, frozen=True):
    """What is to be written down about a lane: an attempt at or the end of ``delivery``, or its lease alone.

    ``release_at`` is the position that must be the lane's next for it to be released; None keeps the lane until
    ``wake_at``. ``leaves`` says that the lane leaves this node's memory although something of it is pending.
    ``ended`` is why a delivery ended without an attempt that delivered it. ``held_until`` has the lane left to its
    owner's gate, if that is closed or the owner disabled: until then its first event is kept. ``news`` is what the
    attempt means to the gate, ``gone`` the address of an endpoint that is not to be called again. ``apart_until`` has
    the delivery wait in a lane of its own, which is the node's until then, so that its lane goes on.
    """

    lane: Lane
    fence: int
    wake_at: int
    release_at: int | None
    at: int
    delivery: Pending | None = None
    attempt: deliveries.AttemptRow | None = None
    outcome: AttemptOutcome | None = None
    ended: Reason | None = None
    next_attempt_at: int | None = None
    leaves: bool = False
    held_until: int | None = None
    news: "News | None" = None
    gone: str | None = None
    apart_until: int | None = None

    @property
    def key(self) -> LaneKey:
        """The lane's key."""
        return self.lane.key

    @property
    def is_renewal(self) -> bool:
        """Whether it is about the lease alone."""
        return self.delivery is None and self.release_at is None and self.held_until is None and not self.leaves


@dataclass(frozen=True, slots=True)
class News:
    """What an attempt means to its owner's gate. ``wait_ms`` is how long the endpoint asked not to be called."""

    is_success: bool
    is_probe: bool
    wait_ms: int = 0


class Fate(Enum):
    """What became of a lane when a result was written."""

    HELD = auto()
    RELEASED = auto()
    PARKED = auto()
    """It is left to its owner's gate."""
    LOST = auto()
    """It was no longer ours; nothing was written."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the lanes of a batch (those that are missing were lost), and the gates it was about."""

    fates: dict[LaneKey, Fate]
    gates: dict[OwnerKey, Gate] = field(default_factory=dict)


Announce = Callable[[Tx, Notice], Awaitable[None]]
Recorded = Callable[[Result, Fate], None]
Moved = Callable[[OwnerKey, Gate], None]


async def write(tx: Tx, results: Sequence[Result], announce: Announce) -> Written:
    """Write results of different lanes; those whose fence no longer holds leave no trace but their news of a gate."""
    moved = await _move_gates(tx, results)
    gone = await _disable_gone(tx, results)
    parked = {
        each.key: each.held_until
        for each in results
        if each.held_until is not None and (owner := moved.get(each.key[:2])) is not None and owner.is_held
    }
    held = await lanes.settle(
        tx,
        [
            lanes.Settle(each.key, each.fence, HELD if each.key in parked else each.wake_at, each.release_at)
            for each in results
        ],
    )
    ours = [each for each in results if each.key in held]
    fates = {key: Fate.RELEASED if released else Fate.HELD for key, released in held.items()}
    if moved:
        await _park(tx, [each for each in ours if each.key in parked], fates)
        await _set_timers(tx, moved, max(each.at for each in results))
    await deliveries.finish(tx, [_finished(each, each.delivery) for each in ours if each.delivery and _ends(each)])
    await deliveries.postpone(
        tx,
        [
            deliveries.Postponed(each.key[0], each.delivery.id, each.delivery.attempts + 1, each.next_attempt_at)
            for each in ours
            if each.delivery is not None and not _ends(each) and each.apart_until is None
        ],
    )
    if any(each.apart_until is not None for each in ours):
        await _set_apart(tx, ours)
    await deliveries.insert_attempts(tx, [each.attempt for each in ours if each.attempt is not None])
    for notice in gone:
        await announce(tx, notice)
    return Written(fates, {key: owner.gate for key, owner in moved.items()})


async def _move_gates(tx: Tx, results: Sequence[Result]) -> dict[OwnerKey, OwnerGate]:
    about = {each.key[:2] for each in results if each.news is not None or each.held_until is not None}
    moved: dict[OwnerKey, OwnerGate] = {}
    for key in sorted(about):
        owner = await gates.lock(tx, key)
        if owner is None or (owner.is_enabled and not owner.retention_ms):
            continue
        gate = owner.gate
        for each in results:
            if each.key[:2] == key and each.news is not None and owner.retention_ms:
                gate = _after(gate, each, each.news)
        moved[key] = replace(owner, gate=gate)
        if gate != owner.gate:
            await gates.save(tx, key, gate)
            if gate.is_closed and not owner.gate.is_closed:
                metrics.GATES_CLOSED.inc()
    return moved


def _after(gate: Gate, result: Result, news: News) -> Gate:
    if news.is_success:
        return gate_after_success(gate, now=result.at)
    return gate_after_failure(gate, lane=result.key[2], is_probe=news.is_probe, now=result.at, wait_ms=news.wait_ms)


async def _disable_gone(tx: Tx, results: Sequence[Result]) -> list[Notice]:
    notices: list[Notice] = []
    for each in results:
        if each.gone is not None and each.delivery is not None and each.attempt is not None:
            account_id, owner_id, _ = each.key
            key, began = each.delivery.event_key, each.attempt.started_at
            if await owners.disable_endpoint(tx, account_id, owner_id, key, each.gone, started_at=began, now=each.at):
                reason = f"it answered {GONE}: it is gone"
                notices.append(
                    Notice(account_id, owner_id, each.gone, Change.DISABLED, "healthy", reason, each.at, key)
                )
    return notices


async def _park(tx: Tx, results: Sequence[Result], fates: dict[LaneKey, Fate]) -> None:
    await lanes.hold(
        tx, [lanes.Hold(each.key, each.fence, each.held_until) for each in results if each.held_until is not None]
    )
    fates.update({each.key: Fate.PARKED for each in results})


async def _set_apart(tx: Tx, results: Sequence[Result]) -> None:
    moved: list[deliveries.SetApart] = []
    own: list[lanes.OwnLane] = []
    for each in results:
        if each.delivery is not None and each.next_attempt_at is not None and each.apart_until is not None:
            one, key = each.delivery, lanes.own_lane(each.key, each.delivery.id)
            again_at, made = each.next_attempt_at, one.attempts + 1
            moved.append(deliveries.SetApart(key[0], one.id, made, again_at, key[2], each.key[2]))
            own.append(lanes.OwnLane(key, one.position, each.apart_until, one.created_at))
    await deliveries.set_apart(tx, moved)
    await lanes.set_apart(tx, own)


async def _set_timers(tx: Tx, moved: dict[OwnerKey, OwnerGate], now: int) -> None:
    for key, owner in moved.items():
        if owner.is_held:
            gate, timer = owner.gate, closed_timer if owner.is_enabled else timer_while_disabled
            timed = timer(gate, await gates.first_expiry(tx, key), now)
            if timed.timer_at is not None and (gate.timer_at is None or timed.timer_at < gate.timer_at):
                await gates.save(tx, key, timed)
                moved[key] = replace(owner, gate=timed)


def _ends(result: Result) -> bool:
    return result.next_attempt_at is None and result.held_until is None


_LOSSES = frozenset(
    {Reason.RETRIES_EXHAUSTED, Reason.RETENTION_EXPIRED, Reason.ENDPOINT_GONE, Reason.ENDPOINT_DISABLED}
)


def _finished(result: Result, delivery: Pending) -> deliveries.Finished:
    made = delivery.attempts + (0 if result.attempt is None else 1)
    if result.outcome is AttemptOutcome.DELIVERED:
        return deliveries.Finished(result.key[0], delivery.id, Status.DELIVERED, None, made, result.at)
    reason = result.ended or Reason.RETRIES_EXHAUSTED
    status = Status.FAILED if reason in _LOSSES else Status.CANCELLED
    return deliveries.Finished(result.key[0], delivery.id, status, reason.value, made, result.at)


class Recorder:
    """The queue of results and the task that writes them."""

    def __init__(self, db: Database, recorded: Recorded, moved: Moved, announce: Announce) -> None:
        self._db = db
        self._announce = announce
        self._recorded = recorded
        self._moved = moved
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
                written = await self._db.write(lambda tx: write(tx, batch, self._announce))
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
                for key, gate in written.gates.items():
                    self._moved(key, gate)
                for each in batch:
                    self._recorded(each, written.fates.get(each.key, Fate.LOST))
                return
