"""A lane in memory: what is known of its pending deliveries, and what is being done about the first of them."""

from collections import deque
from enum import Enum, auto

from switchbay.kit.record import Record
from switchbay.webhooks.domain import Pending
from switchbay.webhooks.store.lanes import LaneKey

WINDOW = 32
_BESIDE_BODY_BYTES = 500  # of a delivery: its id, its numbers, the objects themselves
DoorKey = tuple[str, str, str]
"""An address of an owner: account, owner, URL."""


class State(Enum):
    """What a lane is doing."""

    FREE = auto()
    """Nothing; somebody decides this very moment."""
    READING = auto()
    QUEUED = auto()
    """Waits for a slot."""
    SENDING = auto()
    RECORDING = auto()
    WAITING = auto()
    """Waits for a time."""


class Handoff(Record, frozen=True):
    """What a committed publish tells the dispatcher of its own node about one lane."""

    key: LaneKey
    fence: int
    claimed_from: int
    lease_until: int
    deliveries: tuple[Pending, ...]


class Memory:
    """How many bytes the deliveries take that the lanes of this node hold, and how many they may."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.held = 0
        self.limit = limit

    @property
    def has_room(self) -> bool:
        """Whether more deliveries may be held."""
        return self.held < self.limit


def _size(delivery: Pending) -> int:
    return len(delivery.body) + _BESIDE_BODY_BYTES


class Lane:
    """A lane that this node holds.

    ``current`` is the delivery being made; ``queue`` what follows it without a gap, up to ``expected`` (exclusive).
    ``is_behind`` says that the database has more than memory. ``generation`` changes when what is known is void.
    ``is_renewing`` says that a longer lease has been asked for, ``is_probe`` that its next attempt is the one by which
    a closed gate may open; ``door`` is the breaker whose one attempt it makes, ``has_leave`` that its endpoint's rate
    has been counted for it.
    """

    __slots__ = (
        "_memory",
        "current",
        "door",
        "expected",
        "fence",
        "generation",
        "has_leave",
        "highest",
        "is_behind",
        "is_probe",
        "is_renewing",
        "key",
        "lease_until",
        "queue",
        "state",
    )

    def __init__(self, key: LaneKey, fence: int, lease_until: int, expected: int, memory: Memory) -> None:
        self.key = key
        self.fence = fence
        self.lease_until = lease_until
        self.expected = expected
        self.highest = -1
        self.is_behind = False
        self.is_renewing = False
        self.is_probe = False
        self.has_leave = False
        self.door: DoorKey | None = None
        self.generation = 0
        self.current: Pending | None = None
        self.queue: deque[Pending] = deque()
        self.state = State.FREE
        self._memory = memory

    def add(self, delivery: Pending) -> None:
        """Take a new delivery into memory, or note that there is more to read."""
        self.highest = max(self.highest, delivery.position)
        if delivery.position < self.expected:
            return
        follows = delivery.position == self.expected and not self.is_behind and self.state is not State.READING
        if follows and len(self.queue) < WINDOW and self._memory.has_room:
            self.queue.append(delivery)
            self._memory.held += _size(delivery)
            self.expected += 1
        else:
            self.is_behind = True

    def renew(self, fence: int, lease_until: int, expected: int, *, is_behind: bool) -> None:
        """Begin anew after the lane changed hands: what memory holds may have been sent by another node."""
        self.fence = fence
        self.lease_until = lease_until
        self.expected = expected
        self.highest = -1
        self.is_behind = is_behind
        self.is_probe = False
        self.has_leave = False
        self.generation += 1
        self._clear_queue()

    def read(self, window: list[Pending], next_position: int, *, most: int) -> None:
        """Take over what was read: the pending deliveries from ``expected`` on, at most ``most``."""
        self.queue.extend(window)
        self._memory.held += sum(map(_size, window))
        if len(window) == most:
            self.expected = window[-1].position + 1
            self.is_behind = True
        else:
            self.expected = max(self.expected, next_position)
            self.is_behind = self.highest >= self.expected

    def begin_next(self) -> Pending | None:
        """Make the first of the queue the current delivery, unless there is one already."""
        if self.current is None and self.queue:
            self.current = self.queue.popleft()
        return self.current

    def end_current(self) -> None:
        """The current delivery is over."""
        if self.current is not None:
            self._memory.held -= _size(self.current)
            self.current = None

    def shed(self) -> None:
        """Forget the deliveries of a lane that waits or goes; they are read again when its time comes."""
        if self.current is not None:
            self.expected = self.current.position
        elif self.queue:
            self.expected = self.queue[0].position
        self.end_current()
        self._clear_queue()
        self.is_behind = True

    def _clear_queue(self) -> None:
        self._memory.held -= sum(map(_size, self.queue))
        self.queue.clear()
