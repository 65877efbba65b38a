"""What a node does about gates: give up what is over, have one attempt made, let go what is stored.

Only a gate's timer runs while it is closed, or while its app is disabled. Whichever node finds it gone off locks the
gate, does one bounded step and sets the timer anew, all in one transaction; so nodes may come and go, and two never
look after the same gate at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from switchbay.infra.db import Database, DatabaseUnavailable, Tx
from switchbay.infra.machine import Clock
from switchbay.webhooks import metrics
from switchbay.webhooks.domain import LONGEST_GAP_MS, Gate, GateState, gate_when_sent
from switchbay.webhooks.store import gates as store
from switchbay.webhooks.store.gates import OwnerGate
from switchbay.webhooks.store.lanes import Claimed, OwnerKey

_MOST_LANES_A_STEP = 512
_SOON_MS = 10
_LATER_MS = 250
_EXPIRY_MS = 1_000
_AGAIN_MS = 1_000

_log = structlog.get_logger("webhooks")


@dataclass(frozen=True, slots=True)
class Step:
    """What one step at a gate led to: the lanes that are this node's now; one alone, if ``is_probe``, to try."""

    key: OwnerKey
    gate: Gate
    was: GateState
    claimed: tuple[Claimed, ...] = ()
    is_probe: bool = False
    given_up: int = 0


def closed_timer(gate: Gate, first_expiry: int | None, now: int) -> Gate:
    """A closed gate with its timer at the next attempt, or earlier when something is to be given up before."""
    attempt_at = now if gate.next_at is None else gate.next_at
    if first_expiry is None:
        return replace(gate, timer_at=attempt_at)
    return replace(gate, timer_at=min(attempt_at, max(first_expiry, now + _EXPIRY_MS)))


def timer_while_disabled(gate: Gate, first_expiry: int | None, now: int) -> Gate:
    """The gate of a disabled app with its timer at the time when the first of what is held is to be given up.

    It goes off from time to time before that: a timer that is far away means that the clock was set back.
    """
    if first_expiry is None:
        return replace(gate, timer_at=None)
    return replace(gate, timer_at=min(max(first_expiry, now + _EXPIRY_MS), now + LONGEST_GAP_MS))


async def step(tx: Tx, *, node: str, now: int, lease_ms: int, room: int, parked_ms: int) -> Step | None:
    """Do one step at the gate whose timer went off first; None if none did.

    ``parked_ms`` is how long the events of a disabled app are kept that has no retention time.
    """
    owner = await store.lock_due(tx, now)
    if owner is None:
        return None
    if not owner.is_enabled:
        done = await _at_disabled(tx, owner, now, owner.retention_ms or parked_ms)
    elif owner.gate.is_closed:
        done = await _at_closed(tx, owner, node, now, lease_ms)
    else:
        done = await _at_open(tx, owner, node, now, lease_ms, room)
    await store.save(tx, done.key, done.gate)
    return done


async def _at_disabled(tx: Tx, owner: OwnerGate, now: int, kept_ms: int) -> Step:
    key, gate = owner.key, owner.gate
    given_up, is_more = await store.expire(tx, owner, now, kept_ms)
    if is_more:
        return _expiring(owner, now, given_up)
    after = timer_while_disabled(gate, await store.first_expiry(tx, key), now)
    return Step(key, after, gate.state, given_up=given_up)


def _expiring(owner: OwnerGate, now: int, given_up: int) -> Step:
    after = replace(owner.gate, timer_at=now if given_up else now + _SOON_MS)
    return Step(owner.key, after, owner.gate.state, given_up=given_up)


async def _at_closed(tx: Tx, owner: OwnerGate, node: str, now: int, lease_ms: int) -> Step:
    key, gate = owner.key, owner.gate
    given_up, is_more = await store.expire(tx, owner, now, owner.retention_ms)
    if is_more:
        return _expiring(owner, now, given_up)
    claimed: list[Claimed] = []
    if gate.is_attempt_due(now):
        until = now + lease_ms
        if gate.lane is not None:
            claimed = await store.take_held(tx, key, node=node, lease_until=until, most=1, lane=gate.lane)
        if not claimed:
            claimed = await store.take_held(tx, key, node=node, lease_until=until, most=1)
        if claimed:
            trying = replace(gate, next_at=until, timer_at=until)
            return Step(key, trying, gate.state, tuple(claimed), is_probe=True, given_up=given_up)
    first = await store.first_expiry(tx, key)
    if first is None and not await store.has_stored_before(tx, key, now):
        # Nothing is left to be tried: the next event will show how the endpoint is.
        return Step(key, Gate(GateState.UP, now), gate.state, given_up=given_up)
    if first is None or gate.is_attempt_due(now):  # what is stored is locked just now, or with a node that went away
        return Step(key, replace(gate, timer_at=now + _LATER_MS), gate.state, given_up=given_up)
    return Step(key, closed_timer(gate, first, now), gate.state, given_up=given_up)


async def _at_open(tx: Tx, owner: OwnerGate, node: str, now: int, lease_ms: int, room: int) -> Step:
    key, gate = owner.key, owner.gate
    claimed: list[Claimed] = []
    if room > 0:
        most = min(room, _MOST_LANES_A_STEP)
        claimed = await store.take_held(tx, key, node=node, lease_until=now + lease_ms, most=most)
    if await store.first_expiry(tx, key) is not None:
        after = replace(gate, timer_at=now + (_SOON_MS if room > 0 else _LATER_MS))
    elif not owner.retention_ms:  # by number, there is no gate
        after = Gate(GateState.UP, now)
    elif await store.has_stored_before(tx, key, gate.since):
        after = replace(gate, timer_at=now + _LATER_MS)
    else:
        after = gate_when_sent(gate, now=now)
    return Step(key, after, gate.state, tuple(claimed))


class Gates:
    """The timers of gates that this node knows, and the steps it makes."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        node: str,
        lease_ms: int,
        parked_ms: int,
        *,
        room: Callable[[], int],
        stepped: Callable[[Step], None],
        alarm: Callable[[int], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._node = node
        self._lease_ms = lease_ms
        self._parked_ms = parked_ms
        self._room = room
        self._stepped = stepped
        self._alarm = alarm
        self._next: int | None = None
        self._is_working = False

    def note(self, timer_at: int | None) -> None:
        """Look after the gates at a time."""
        if timer_at is not None and (self._next is None or timer_at < self._next):
            self._next = timer_at
            self._alarm(timer_at)

    @property
    def is_due(self) -> bool:
        """Whether a timer has gone off and nobody of this node is at it."""
        return not self._is_working and self._next is not None and self._next <= self._clock.now_ms()

    async def look(self) -> None:
        """Learn of timers that other nodes have set; one small read, whatever is held."""
        now = self._clock.now_ms()
        self.note(await self._db.read(lambda tx: store.next_timer(tx, now)))

    async def work(self) -> None:
        """Step until no timer has gone off any more."""
        self._is_working = True
        try:
            while self.is_unfinished:
                self._next = None
                made = await self._step_all()
                await self.look()
                if not made and self.is_unfinished:  # another node is at it
                    self._next = None
                    self.note(self._clock.now_ms() + _LATER_MS)
        except DatabaseUnavailable as error:
            _log.warning("gates wait for the database", reason=error.detail.get("reason"))
            self.note(self._clock.now_ms() + _AGAIN_MS)
        except Exception:  # noqa: BLE001 - one bad gate must not stop the others for ever
            _log.exception("a step at a gate failed")
            self.note(self._clock.now_ms() + _AGAIN_MS)
        finally:
            self._is_working = False

    @property
    def is_unfinished(self) -> bool:
        """Whether a timer has gone off."""
        return self._next is not None and self._next <= self._clock.now_ms()

    async def _step(self) -> Step | None:
        now, room = self._clock.now_ms(), self._room()
        return await self._db.write(
            lambda tx: step(tx, node=self._node, now=now, lease_ms=self._lease_ms, room=room, parked_ms=self._parked_ms)
        )

    async def _step_all(self) -> int:
        made = 0
        while (done := await self._step()) is not None:
            made += 1
            if done.given_up:
                metrics.EXPIRED.inc(done.given_up)
            if done.gate.state is not done.was:
                _log.info("a gate has changed", owner=done.key, state=done.gate.state.value)
            self._stepped(done)
        return made

    async def rearm(self, key: OwnerKey) -> None:
        """Have the attempt of a closed gate made anew at once."""
        now = self._clock.now_ms()
        try:
            await self._db.write(lambda tx: store.rearm(tx, key, now))
        except DatabaseUnavailable:
            return  # its timer goes off when the lease runs out
        self.note(now)
