"""From a lane whose turn has come to the request and its outcome: the endpoint that counts, a slot, the attempt."""

from collections.abc import Coroutine
from typing import Protocol

import structlog

from switchbay.infra.machine import Clock
from switchbay.kit.errors import AppError
from switchbay.webhooks.domain import Pace, Pending, Reason
from switchbay.webhooks.owners import OwnerCache, SendOwner
from switchbay.webhooks.workers.doors import Alarm, Doors
from switchbay.webhooks.workers.lane import Lane, State
from switchbay.webhooks.workers.ledger import Ledger
from switchbay.webhooks.workers.observer import Observer
from switchbay.webhooks.workers.recorder import News
from switchbay.webhooks.workers.sender import Sender, endpoint_for
from switchbay.webhooks.workers.slots import Origin, Slots

_BACK_OFF_MS = 1_000
_SHORT_BACK_OFF_MS = 100

_log = structlog.get_logger("webhooks")


class Holder(Protocol):
    """Who holds the lanes."""

    @property
    def is_running(self) -> bool:
        """Whether anything may be sent."""
        ...

    def holds(self, lane: Lane, generation: int) -> bool:
        """Whether a lane is this node's, and what was known of it then still counts."""
        ...

    def free(self, lane: Lane) -> None:
        """Decide anew what a lane does."""
        ...

    def wait(self, lane: Lane, until: int) -> None:
        """Have a lane go on at a time."""
        ...

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something beside."""
        ...


class Sending:
    """Has the current deliveries of lanes sent, as many at once as the slots allow."""

    def __init__(
        self,
        holder: Holder,
        ledger: Ledger,
        clock: Clock,
        owners: OwnerCache,
        sender: Sender,
        pace: Pace,
        *,
        alarm: Alarm,
        observer: Observer,
    ) -> None:
        self._holder = holder
        self._ledger = ledger
        self._clock = clock
        self._owners = owners
        self._sender = sender
        self._pace = pace
        self._slots: Slots[tuple[Lane, int]] = Slots(pace.in_flight)
        self._observer = observer
        self._doors = Doors(
            clock,
            pace,
            alarm=alarm,
            holds=holder.holds,
            free=holder.free,
            leave=ledger.leave,
            paused=observer.paused,
        )

    def queue(self, lane: Lane, delivery: Pending) -> None:
        """Have the current delivery of a lane sent when its turn comes."""
        lane.state = State.QUEUED
        known = self._owners.known(lane.key[0], lane.key[1])
        if known is None:
            self._holder.spawn(self._look_up(lane, lane.generation))
        else:
            self._offer(lane, delivery, known)

    async def _look_up(self, lane: Lane, generation: int) -> None:
        try:
            owner = await self._owners.find(lane.key[0], lane.key[1])
        except Exception as error:  # noqa: BLE001 - whatever it is, the lane must go on later
            self._failed(lane, generation, error)
            return
        if not self._holder.holds(lane, generation) or lane.current is None:
            self.start_over(lane)
        else:
            self._offer(lane, lane.current, owner)

    def _offer(self, lane: Lane, delivery: Pending, owner: SendOwner | None) -> None:
        endpoint = endpoint_for(owner, delivery, self._clock.now_ms())
        if owner is None or isinstance(endpoint, Reason):
            reason = endpoint if isinstance(endpoint, Reason) else Reason.APP_REMOVED
            self._ledger.cancel(lane, lane.fence, delivery, reason)
        elif self._ledger.is_held(lane, owner):
            self._ledger.park(lane, lane.fence, delivery, owner)
        elif (self._doors or owner.rate_limit is not None) and not self._doors.admits(
            (*lane.key[:2], endpoint.url), lane, owner.rate_limit
        ):
            return  # it waits there
        else:
            self._slots.offer(endpoint.origin, lane.key[:2], (lane, lane.generation))
            self._fill_slots()

    def _fill_slots(self) -> None:
        while self._holder.is_running:
            taken = self._slots.take()
            if taken is None:
                return
            origin, (lane, generation) = taken
            self._holder.spawn(self._send(origin, lane, generation))

    async def _send(self, origin: Origin, lane: Lane, generation: int) -> None:
        timed_out = False
        try:
            if self._holder.holds(lane, generation) and lane.current is not None:
                timed_out = await self._send_current(lane, lane.fence, lane.current)
            else:
                self.start_over(lane)
        except Exception as error:  # noqa: BLE001 - whatever it is, the lane must go on later
            self._failed(lane, generation, error)
        finally:
            if lane.door is not None:
                self._doors.put_back(lane)
            self._slots.done(origin, timed_out=timed_out)
            self._fill_slots()

    async def _send_current(self, lane: Lane, fence: int, delivery: Pending) -> bool:
        if lane.lease_until < self._clock.now_ms() + self._pace.margin_ms:
            # It waited so long for a slot that another node may be about to take the lane over.
            self._ledger.prolong(lane)
            self._holder.wait(lane, self._clock.now_ms() + _SHORT_BACK_OFF_MS)
            return False
        lane.state = State.SENDING
        owner = self._owners.known(lane.key[0], lane.key[1]) or await self._owners.find(lane.key[0], lane.key[1])
        endpoint = endpoint_for(owner, delivery, self._clock.now_ms())
        if owner is None or isinstance(endpoint, Reason):
            reason = endpoint if isinstance(endpoint, Reason) else Reason.APP_REMOVED
            self._ledger.cancel(lane, fence, delivery, reason)
            return False
        if self._ledger.is_held(lane, owner):
            self._ledger.park(lane, fence, delivery, owner)
            return False
        is_probe = lane.is_probe
        attempted = await self._sender.attempt(lane.key[0], owner, endpoint, delivery, is_probe=is_probe)
        door = (*lane.key[:2], endpoint.url)
        self._observer.attempted(door, attempted.row)
        if attempted.trips:
            self._doors.failed(door, lane)
        elif self._doors:
            self._doors.answered(door, lane)
        record = self._ledger.record
        if not owner.retention_ms or attempted.verdict.reason is not None:
            record(lane, fence, delivery, attempted, gone=endpoint.url, apart=owner.is_best_effort)
        elif attempted.verdict.holds:
            until = delivery.created_at + owner.retention_ms
            news = News(is_success=False, is_probe=is_probe, wait_ms=attempted.verdict.wait_ms)
            record(lane, fence, delivery, attempted, held_until=until, news=news)
        else:
            record(lane, fence, delivery, attempted, news=News(is_success=True, is_probe=True) if is_probe else None)
        return attempted.is_strained

    def _failed(self, lane: Lane, generation: int, error: Exception) -> None:
        """The attempt could not be made for a reason of ours: it does not count, the lane tries again soon."""
        if isinstance(error, AppError):
            _log.warning("an attempt waits", lane=lane.key, code=error.code)
        else:
            _log.error("an attempt failed inside", lane=lane.key, exc_info=error)
        if self._holder.holds(lane, generation):
            self._holder.wait(lane, self._clock.now_ms() + _BACK_OFF_MS)
        else:
            self.start_over(lane)

    def start_over(self, lane: Lane) -> None:
        """The lane changed hands while something was under way: forget the delivery, look again if it is ours."""
        lane.end_current()
        self._holder.free(lane)
