"""What a node remembers for a while: bounded, and never the only copy of anything. For the event loop's thread only."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

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
