"""The dispatcher of a node: holds lanes, has the first delivery of each sent, and decides what comes next.

A lane is always in exactly one place: being read, waiting for a slot, being sent, being recorded, or waiting for a
time. Lanes come from publishes on this node (in memory, right after the commit), from the sweep, which takes over
every lane whose lease or waiting time has run out, whoever left it, and from gates that open. While an owner's gate is
closed, or the owner disabled, its lanes are left to the gate and forgotten here. Everything here runs on the event
loop, so nothing needs a lock.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import structlog
from msgspec.structs import replace

from switchbay.infra.db import Database, DatabaseUnavailable
from switchbay.infra.machine import Clock
from switchbay.webhooks import metrics
from switchbay.webhooks.domain import LONGEST_GAP_MS, Gate, Pace, Pending
from switchbay.webhooks.owners import OwnerCache
from switchbay.webhooks.store import lanes
from switchbay.webhooks.store.lanes import Claimed, OwnerKey
from switchbay.webhooks.workers.alarms import Alarms
from switchbay.webhooks.workers.gates import Gates, Step
from switchbay.webhooks.workers.held import HeldLanes
from switchbay.webhooks.workers.lane import Handoff, Lane, State
from switchbay.webhooks.workers.ledger import Ledger
from switchbay.webhooks.workers.observer import Observer
from switchbay.webhooks.workers.reader import Reader
from switchbay.webhooks.workers.recorder import Announce, Fate, Recorder, Result
from switchbay.webhooks.workers.rounds import LANES_ARE_DUE, Rounds
from switchbay.webhooks.workers.sender import Sender
from switchbay.webhooks.workers.sending import Sending

_LANES_A_SWEEP = 256
_BACK_OFF_MS = 1_000
_LONG_WAIT_MS = 1_000
_LAST_WRITES_SECONDS = 3.0

_log = structlog.get_logger("webhooks")


class Dispatcher:
    """Everything that one node does about deliveries."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        node: str,
        owners: OwnerCache,
        sender: Sender,
        pace: Pace,
        *,
        observer: Observer,
        announce: Announce,
    ) -> None:
        self._db = db
        self._clock = clock
        self._node = node
        self._owners = owners
        self._pace = pace
        self._held = HeldLanes()
        self._memory = self._held.memory
        self._lanes = self._held.by_key
        self._reader = Reader(db, self._memory, self.free)
        self._recorder = Recorder(db, self._recorded, self._moved, announce)
        self._ledger = Ledger(self._recorder, clock, pace, self._lanes)
        self._alarms = Alarms(clock)
        self._sending = Sending(
            self, self._ledger, clock, owners, sender, pace, alarm=self._alarms.call, observer=observer
        )
        self._gates = Gates(
            db,
            clock,
            node,
            pace.lease_ms,
            pace.parked_ms,
            room=self._room,
            stepped=self._stepped,
            alarm=self._alarms.tick,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._left: list[lanes.Settle] = []
        self._is_running = False
        self._tell_accepting: Callable[[bool], None] | None = None
        self._told_accepting = False
        self._rounds = Rounds(db, self._alarms, sweep=self._sweep, wake=self.wake_due, seconds=pace.sweep_seconds)

    # Life

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not been stopped."""
        return self._is_running

    @property
    def is_accepting(self) -> bool:
        """Whether publishes on this node should give it their lanes. Read from other threads, too."""
        return self._is_running and len(self._lanes) < self._pace.most_lanes

    def on_accepting(self, tell: Callable[[bool], None]) -> None:
        """Have ``tell`` called whenever ``is_accepting`` changes."""
        self._tell_accepting = tell

    def _note_accepting(self) -> None:
        if self._tell_accepting is not None and self.is_accepting is not self._told_accepting:
            self._told_accepting = not self._told_accepting
            self._tell_accepting(self._told_accepting)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way: every lane that is held waits for a time."""
        return (
            self._reader.is_idle
            and self._recorder.is_idle
            and not self._tasks
            and all(lane.state is State.WAITING for lane in self._lanes.values())
        )

    def start(self, *, in_background: bool = True) -> None:
        """Accept lanes; sweep and wake in the background, or only when ``sweep_once`` and ``wake_due`` are called."""
        self._is_running = True
        self._note_accepting()
        if in_background:
            self._rounds.start()

    async def stop(self, grace_seconds: float) -> None:
        """Let requests under way end, write everything down, and leave the lanes to others."""
        self._is_running = False
        self._note_accepting()
        await self._rounds.stop()
        self._reader.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=grace_seconds)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(min(grace_seconds, _LAST_WRITES_SECONDS)):
                await self._recorder.flush()
                await self._leave_lanes()
                self._db.notify(LANES_ARE_DUE)
        except (TimeoutError, DatabaseUnavailable):
            _log.warning("stopped before all was written; the rest follows when the leases run out")
        self._recorder.cancel()
        await asyncio.sleep(0)
        for lane in tuple(self._lanes.values()):
            self._drop(lane)
        self._alarms.clear()

    async def _leave_lanes(self) -> None:
        now = self._clock.now_ms()
        rows = [
            lanes.Settle(lane.key, lane.fence, max(now, 0 if lane.current is None else lane.current.not_before), None)
            for lane in self._lanes.values()
        ]
        rows += self._left
        if rows:
            await self._db.write(lambda tx: lanes.settle(tx, rows))
        for key in {lane.key[:2] for lane in self._lanes.values() if lane.is_probe}:
            await self._gates.rearm(key)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something beside, until it ends or the dispatcher stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Where lanes come from

    def accept(self, handoffs: Sequence[Handoff]) -> None:
        """Take over what a publish on this node has just committed."""
        if not self._is_running:
            return  # the sweep of some node finds it when the lease runs out
        for handoff in handoffs:
            lane = self._held.hold(
                handoff.key, handoff.fence, handoff.lease_until, handoff.claimed_from, is_behind=False
            )
            if handoff.fence < lane.fence:
                continue
            for delivery in handoff.deliveries:
                lane.add(delivery)
            if lane.state is State.FREE:
                self._advance(lane)
        self._note_accepting()

    def sweep_soon(self) -> None:
        """Look at once for lanes that wait for whoever comes."""
        self._rounds.sweep_soon()

    async def _sweep(self) -> None:
        self.renew_leases()
        await self._gates.look()
        self._look_after_gates()
        while await self.sweep_once() == _LANES_A_SWEEP:
            pass

    async def sweep_once(self) -> int:
        """Take over lanes whose time has come; return how many that were."""
        room = self._pace.most_lanes - len(self._lanes)
        if room <= 0:
            return 0
        now = self._clock.now_ms()
        most = min(room, _LANES_A_SWEEP)
        claimed = await self._db.write(
            lambda tx: lanes.claim_due(tx, node=self._node, now=now, lease_until=now + self._pace.lease_ms, most=most)
        )
        for each in claimed:
            metrics.SWEPT_LANES.inc()
            self._take_over(each)
        return len(claimed)

    def _take_over(self, claimed: Claimed, *, is_probe: bool = False) -> None:
        lane = self._held.hold(claimed.key, claimed.fence, claimed.lease_until, 0, is_behind=True)
        lane.is_probe = is_probe
        if lane.state is State.FREE:
            self._advance(lane)

    def renew_leases(self) -> int:
        """Prolong the leases of the lanes in memory that have used up half of theirs; return how many."""
        soon = self._clock.now_ms() + self._pace.lease_ms // 2
        due = [lane for lane in self._lanes.values() if lane.lease_until < soon and not lane.is_renewing]
        for lane in due:
            self._ledger.prolong(lane)
        return len(due)

    def _drop(self, lane: Lane) -> None:
        self._held.drop(lane)
        self._note_accepting()
        if lane.is_probe and self._is_running:  # it had nothing to try
            self.spawn(self._rearm(lane.key[:2]))

    def holds(self, lane: Lane, generation: int) -> bool:
        """Whether a lane is this node's, and what was known of it then still counts."""
        return self._held.holds(lane, generation)

    # What a lane does next

    def free(self, lane: Lane) -> None:
        """Decide anew what a lane does."""
        lane.state = State.FREE
        if self._lanes.get(lane.key) is lane:
            self._advance(lane)

    def _advance(self, lane: Lane) -> None:
        if not self._is_running:
            return
        delivery = lane.begin_next()
        if delivery is None:
            if lane.is_behind:
                lane.state = State.READING
                self._reader.put(lane)
            else:
                self._ledger.record(lane, lane.fence, None)
        elif self._must_wait(delivery):
            self.wait(lane, delivery.not_before)
        else:
            self._sending.queue(lane, delivery)

    def _must_wait(self, delivery: Pending) -> bool:
        rest = delivery.not_before - self._clock.now_ms()
        # Nothing is ever put off for longer: then the clock has been set back, and the wait is over.
        return 0 < rest <= max(self._pace.retry_ms, LONGEST_GAP_MS) + _BACK_OFF_MS

    def wait(self, lane: Lane, until: int) -> None:
        """Have a lane go on at a time."""
        if until - self._clock.now_ms() > _LONG_WAIT_MS:
            lane.shed()
        lane.state = State.WAITING
        self._alarms.set(until, lane)

    def wake_due(self) -> int:
        """Let the lanes and gates whose time has come go on; return how many lanes."""
        woken = 0
        self._look_after_gates()
        for lane, generation in self._alarms.due():
            if self.holds(lane, generation) and lane.state is State.WAITING:
                woken += 1
                self.free(lane)
        return woken

    # Gates

    def _room(self) -> int:
        return self._pace.most_lanes // 2 - len(self._lanes) if self._is_running else 0

    def _look_after_gates(self) -> None:
        if self._is_running and self._gates.is_due:
            self.spawn(self._gates.work())

    async def _rearm(self, key: OwnerKey) -> None:
        await self._gates.rearm(key)
        self._look_after_gates()

    def _moved(self, key: OwnerKey, gate: Gate) -> None:
        """A result has told of a gate: what is remembered of its owner may be out of date."""
        self._owners.drop(*key)
        self._gates.note(gate.timer_at)
        self._look_after_gates()

    def _stepped(self, step: Step) -> None:
        if step.gate.state is not step.was:
            self._owners.drop(*step.key)
        for claimed in step.claimed:
            self._take_over(claimed, is_probe=step.is_probe)

    # What has been recorded

    def _recorded(self, result: Result, fate: Fate) -> None:
        lane = result.lane
        is_renewal = result.is_renewal
        self._ledger.written(result)
        if result.gone is not None:
            self._owners.drop(*result.key[:2])
        if result.apart_until is not None and fate in {Fate.HELD, Fate.RELEASED}:
            self._take_apart(result, result.apart_until)
        if is_renewal:
            lane.is_renewing = False
        if self._lanes.get(lane.key) is not lane:
            return
        if lane.fence != result.fence:  # it changed hands, and is ours anew
            if not is_renewal:
                self._sending.start_over(lane)
        elif fate is Fate.LOST:
            metrics.LOST_LANES.inc()
            self._drop(lane)
        elif is_renewal:
            lane.lease_until = max(lane.lease_until, result.wake_at)
        elif fate is Fate.RELEASED or fate is Fate.PARKED or result.leaves:
            self._drop(lane)
        else:
            lane.lease_until = result.wake_at
            self._go_on(lane, result)

    def _take_apart(self, result: Result, until: int) -> None:
        """Hold the lane that a delivery has for itself now, unless it was left to whoever comes."""
        if result.delivery is None or until == result.next_attempt_at:
            return
        key = lanes.own_lane(result.key, result.delivery.id)
        if self._is_running:
            self._take_over(Claimed(key, 1, until))
        else:
            self._left.append(lanes.Settle(key, 1, self._clock.now_ms(), None))

    def _go_on(self, lane: Lane, result: Result) -> None:
        if result.held_until is not None:
            # Its gate is not closed any more, or its owner has given up its retention: it is tried again.
            self._owners.drop(*result.key[:2])
            if result.attempt is not None and lane.current is not None:
                soon = result.at + _BACK_OFF_MS
                lane.current = replace(lane.current, attempts=lane.current.attempts + 1, not_before=soon)
        elif result.next_attempt_at is not None and result.apart_until is None and lane.current is not None:
            lane.current = replace(lane.current, attempts=lane.current.attempts + 1, not_before=result.next_attempt_at)
        else:
            lane.end_current()
            if lane.expected == result.release_at:
                lane.is_behind = True  # not released: somebody published to it on another node
        self.free(lane)
