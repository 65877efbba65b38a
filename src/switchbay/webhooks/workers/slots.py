"""Who may send next: a bound on requests under way, shared fairly among origins, and in these among installations.

Origins take turns, and so do the owners of what waits for one: one installation's backlog does not delay another's.
Each origin has its own bound that grows while its requests come back and is halved when one times out, so
a black hole soon holds one slot and the others do not notice it.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

from switchbay.webhooks.store.lanes import OwnerKey

T = TypeVar("T")
Origin = tuple[str, str, int]

_FIRST_BOUND = 16
_MOST_ORIGINS = 4_096


class _Queue(Generic[T]):
    __slots__ = ("bound", "in_flight", "is_listed", "waiting")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.in_flight = 0
        self.waiting: OrderedDict[OwnerKey, deque[T]] = OrderedDict()
        self.is_listed = False

    def add(self, owner: OwnerKey, item: T) -> None:
        items = self.waiting.get(owner)
        if items is None:
            self.waiting[owner] = deque((item,))
        else:
            items.append(item)

    def next(self) -> T:
        owner = next(iter(self.waiting))
        items = self.waiting[owner]
        item = items.popleft()
        if items:
            self.waiting.move_to_end(owner)
        else:
            del self.waiting[owner]
        return item


class Slots(Generic[T]):
    """Slots for requests under way; ``T`` is what waits for one."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._most_of_one = max(1, total // 2)
        self._busy = 0
        self._queues: dict[Origin, _Queue[T]] = {}
        self._turns: deque[tuple[Origin, _Queue[T]]] = deque()

    @property
    def busy(self) -> int:
        """How many slots are taken."""
        return self._busy

    def bound(self, origin: Origin) -> int:
        """How many slots this origin may hold at present."""
        queue = self._queues.get(origin)
        return min(_FIRST_BOUND, self._most_of_one) if queue is None else queue.bound

    def offer(self, origin: Origin, owner: OwnerKey, item: T) -> None:
        """Let an item of an owner wait for its turn."""
        queue = self._queues.get(origin)
        if queue is None:
            self._forget_idle()
            queue = self._queues[origin] = _Queue(min(_FIRST_BOUND, self._most_of_one))
        queue.add(owner, item)
        self._list(origin, queue)

    def take(self) -> tuple[Origin, T] | None:
        """Give the next item a slot, or None when no slot is free or nobody may have it."""
        if self._busy >= self._total or not self._turns:
            return None
        origin, queue = self._turns.popleft()
        queue.is_listed = False
        item = queue.next()
        queue.in_flight += 1
        self._busy += 1
        self._list(origin, queue)
        return origin, item

    def done(self, origin: Origin, *, timed_out: bool) -> None:
        """Give a slot back."""
        queue = self._queues[origin]
        queue.in_flight -= 1
        self._busy -= 1
        queue.bound = max(1, queue.bound // 2) if timed_out else min(self._most_of_one, queue.bound + 1)
        self._list(origin, queue)

    def _list(self, origin: Origin, queue: _Queue[T]) -> None:
        if not queue.is_listed and queue.waiting and queue.in_flight < queue.bound:
            queue.is_listed = True
            self._turns.append((origin, queue))

    def _forget_idle(self) -> None:
        if len(self._queues) < _MOST_ORIGINS:
            return
        for origin, queue in tuple(self._queues.items()):
            if not queue.in_flight and not queue.waiting:
                del self._queues[origin]
