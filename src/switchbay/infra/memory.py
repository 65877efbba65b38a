"""What a node remembers for a while: bounded, and never the only copy of anything. For the event loop's thread only."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Generic, TypeVar

from switchbay.infra.machine import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """A mapping of at most ``most`` entries; the one that was not asked for the longest goes first."""

    __slots__ = ("_entries", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The entry, if it is there."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, value: V) -> None:
        """Add or replace an entry."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def discard(self, key: K) -> None:
        """Forget an entry, if it is there."""
        self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)


class SingleFlight(Generic[K, V]):
    """Has those who want the same thing at the same time wait for one attempt to get it.

    The attempt is a task of its own, so that a caller who goes away does not spoil it for the others.
    """

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[V]] = {}

    async def run(self, key: K, attempt: Callable[[], Coroutine[None, None, V]]) -> V:
        """The result of the attempt under way for ``key``, or of a new one."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(attempt())
            self._running[key] = task

            def finished(done: asyncio.Task[V]) -> None:
                self._running.pop(key, None)
                if not done.cancelled():
                    done.exception()  # seen, even when every caller has gone away

            task.add_done_callback(finished)
        return await asyncio.shield(task)


class RecentCache(Generic[K, V]):
    """What the database held at most ``seconds`` ago; what this node changes is dropped and read again at once.

    Those who ask for the same key at the same time share one reading. What is not there is not remembered.
    """

    __slots__ = ("_clock", "_entries", "_read", "_reading", "_seconds")

    def __init__(self, read: Callable[[K], Awaitable[V | None]], clock: Clock, *, seconds: float, most: int) -> None:
        self._read = read
        self._clock = clock
        self._seconds = seconds
        self._entries: BoundedCache[K, tuple[float, V]] = BoundedCache(most)
        self._reading: dict[K, asyncio.Task[V | None]] = {}

    def known(self, key: K) -> V | None:
        """What is remembered and still recent."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and self._clock.monotonic() < entry[0] else None

    async def find(self, key: K) -> V | None:
        """What is remembered, or else what the database holds. Raises what reading it raises."""
        known = self.known(key)
        if known is not None:
            return known
        task = self._reading.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._load(key))
            self._reading[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    def drop(self, key: K) -> None:
        """Forget what is remembered, and do not remember what is just being read: it may be what it was before."""
        self._entries.discard(key)
        self._reading.pop(key, None)

    async def _load(self, key: K) -> V | None:
        until = self._clock.monotonic() + self._seconds
        found = await self._read(key)
        if found is not None and self._reading.get(key) is asyncio.current_task():
            self._entries.put(key, (until, found))
        return found

    def _finished(self, key: K, done: "asyncio.Task[V | None]") -> None:
        if self._reading.get(key) is done:
            del self._reading[key]
        if not done.cancelled():
            done.exception()  # each who waits gets it; if nobody does any more, it is not worth a warning
