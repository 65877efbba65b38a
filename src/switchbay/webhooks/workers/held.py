"""The lanes that a node holds in its memory."""

from switchbay.webhooks import metrics
from switchbay.webhooks.store.lanes import LaneKey
from switchbay.webhooks.workers.lane import Lane, Memory, State

_MOST_BYTES = 12 * 1024 * 1024


class HeldLanes:
    """The lanes by their keys, and the memory that their deliveries share."""

    def __init__(self) -> None:
        self.memory = Memory(_MOST_BYTES)
        self.by_key: dict[LaneKey, Lane] = {}

    def hold(self, key: LaneKey, fence: int, lease_until: int, expected: int, *, is_behind: bool) -> Lane:
        """Hold a lane, or begin anew with one that was held under an earlier fence."""
        lane = self.by_key.get(key)
        if lane is None:
            lane = self.by_key[key] = Lane(key, fence, lease_until, expected, self.memory)
            lane.is_behind = is_behind
            metrics.LANES.inc()
        elif fence > lane.fence:
            lane.renew(fence, lease_until, expected, is_behind=is_behind)
            if lane.state is State.WAITING:
                lane.end_current()
                lane.state = State.FREE
        return lane

    def drop(self, lane: Lane) -> None:
        """Hold a lane no more."""
        if self.by_key.get(lane.key) is lane:
            del self.by_key[lane.key]
            metrics.LANES.dec()
        lane.generation += 1
        lane.shed()

    def holds(self, lane: Lane, generation: int) -> bool:
        """Whether a lane is held, and what was known of it then still counts."""
        return lane.generation == generation and self.by_key.get(lane.key) is lane
