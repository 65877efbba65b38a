"""What happened to lanes, as results to be written: attempts, ends, leases, what is left to a gate.

From the moment an attempt fails, and not only from when that is written, the lanes of an owner with a gate are held.
"""

from switchbay.infra.machine import Clock
from switchbay.webhooks import metrics
from switchbay.webhooks.domain import Pace, Pending, Reason
from switchbay.webhooks.owners import SendOwner
from switchbay.webhooks.store.lanes import LaneKey, OwnerKey, is_own
from switchbay.webhooks.workers.lane import Lane, State
from switchbay.webhooks.workers.recorder import News, Recorder, Result
from switchbay.webhooks.workers.sender import Attempted


class Ledger:
    """Makes results and hands them to the recorder. ``lanes`` are those in this node's memory."""

    def __init__(self, recorder: Recorder, clock: Clock, pace: Pace, lanes: dict[LaneKey, Lane]) -> None:
        self._recorder = recorder
        self._clock = clock
        self._pace = pace
        self._lanes = lanes
        self._closing: dict[OwnerKey, int] = {}

    def prolong(self, lane: Lane) -> None:
        """Ask for a longer lease."""
        if not lane.is_renewing:
            lane.is_renewing = True
            now = self._clock.now_ms()
            self._recorder.put(Result(lane, lane.fence, now + self._pace.lease_ms, None, now))

    def leave(self, lane: Lane, until: int) -> bool:
        """Have a lane that has to wait leave this node's memory, if half of what it may hold is there already.

        One by which a closed gate is tried stays.
        """
        if lane.is_probe or 2 * len(self._lanes) <= self._pace.most_lanes:
            return False
        lane.state = State.RECORDING
        self._recorder.put(Result(lane, lane.fence, until, None, self._clock.now_ms(), leaves=True))
        return True

    def is_held(self, lane: Lane, owner: SendOwner) -> bool:
        """Whether the gate of a lane's owner keeps it from being sent, or that the owner is disabled."""
        if not owner.enabled:
            return True
        if not owner.retention_ms or lane.is_probe:
            return False
        return owner.is_held or lane.key[:2] in self._closing

    def park(self, lane: Lane, fence: int, delivery: Pending, owner: SendOwner) -> None:
        """Leave a lane to its owner's gate."""
        lane.state = State.RECORDING
        now = self._clock.now_ms()
        until = delivery.created_at + (owner.retention_ms or self._pace.parked_ms)
        self._recorder.put(Result(lane, fence, now + self._pace.lease_ms, None, now, held_until=until))

    def cancel(self, lane: Lane, fence: int, delivery: Pending, reason: Reason) -> None:
        """End a delivery that is not to be attempted."""
        if reason is Reason.RETENTION_EXPIRED:
            metrics.EXPIRED.inc()
        else:
            metrics.CANCELLED.labels(reason.value).inc()
        self.record(lane, fence, delivery, ended=reason)

    def record(
        self,
        lane: Lane,
        fence: int,
        delivery: Pending | None,
        attempted: Attempted | None = None,
        *,
        ended: Reason | None = None,
        held_until: int | None = None,
        news: News | None = None,
        gone: str | None = None,
        apart: bool = False,
    ) -> None:
        """Have an attempt or an end written; without a delivery, that the lane has nothing to do.

        ``apart`` has a delivery that is to be tried again wait by itself, and the lane go on.
        """
        lane.state = State.RECORDING
        now = self._clock.now_ms()
        wake_at = now + self._pace.lease_ms
        again_at = None if attempted is None else attempted.verdict.next_attempt_at
        leaves = again_at is not None and 2 * len(self._lanes) > self._pace.most_lanes
        if again_at is not None and leaves:
            wake_at = again_at
        elif again_at is not None and again_at + self._pace.margin_ms > wake_at:
            wake_at = again_at + self._pace.lease_ms
        apart_until: int | None = None
        if apart and again_at is not None and not is_own(lane.key):
            apart_until, wake_at, leaves = wake_at, now + self._pace.lease_ms, False
        goes_on = (again_at is not None and apart_until is None) or held_until is not None
        is_last = not goes_on and not lane.queue and not lane.is_behind
        if news is not None:
            self._expect(lane, news)
        self._recorder.put(
            Result(
                lane,
                fence,
                wake_at,
                lane.expected if is_last else None,
                now,
                delivery,
                None if attempted is None else attempted.row,
                None if attempted is None else attempted.verdict.outcome,
                ended if attempted is None else attempted.verdict.reason,
                again_at,
                leaves,
                held_until,
                news,
                gone if attempted is not None and attempted.verdict.reason is Reason.ENDPOINT_GONE else None,
                apart_until,
            )
        )

    def _expect(self, lane: Lane, news: News) -> None:
        lane.is_probe = False
        if not news.is_success:
            key = lane.key[:2]
            self._closing[key] = self._closing.get(key, 0) + 1

    def written(self, result: Result) -> None:
        """A result has been written: what it means to its owner's gate is known by now."""
        if result.news is not None and not result.news.is_success:
            key = result.key[:2]
            self._closing[key] -= 1
            if not self._closing[key]:
                del self._closing[key]
