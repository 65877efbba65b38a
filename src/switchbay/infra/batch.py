"""Group commit: work that arrives together is done together.

A ``Batcher`` runs what has been submitted in batches. There is no waiting for a batch to fill: the first item starts
one, and what arrives while it is under way makes up the next. Each caller gets its own result or its own error.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from switchbay.infra.db.errors import DatabaseUnavailable, UniqueViolation
from switchbay.kit.errors import AppError, Kind

Item = TypeVar("Item")
Result = TypeVar("Result")
_ATTEMPTS: Final = 3


class _Waiting(Generic[Item, Result]):
    """An item and the future that its caller waits for."""

    __slots__ = ("future", "item")

    def __init__(self, item: Item, future: asyncio.Future[Result]) -> None:
        self.item = item
        self.future = future

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def settle(self, result: Result | AppError) -> None:
        if isinstance(result, AppError):
            self.fail(result)
        elif not self.future.done():
            self.future.set_result(result)


class Batcher(Generic[Item, Result]):
    """Collects items and runs them with ``run``, which returns one result or error per item, in their order.

    When ``run`` itself fails, its items are run again one by one, so that a bad one does not spoil the others; ``run``
    must therefore have no effect when it fails. ``DatabaseUnavailable`` goes to every caller of the batch instead.
    After a ``UniqueViolation`` an item is tried up to three times: two nodes may both find a row missing.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result | AppError]]],
        *,
        most: int,
        in_flight: int,
        waiting: int,
    ) -> None:
        self._run = run
        self._most = most
        self._in_flight = in_flight
        self._waiting = waiting
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._batches: set[asyncio.Task[None]] = set()
        self._scheduled = False
        self._closed = False

    async def submit(self, item: Item) -> Result:
        """Have ``item`` done with whatever else is there. Raises its error; 503 when too much is waiting."""
        if self._closed:
            raise AppError(Kind.UNAVAILABLE, "stopping", "The server is stopping. Try again.", retry_after=1)
        if len(self._queue) >= self._waiting:
            raise AppError(
                Kind.UNAVAILABLE,
                "overloaded",
                "Too many requests are waiting; nothing was done. Try again.",
                retry_after=1,
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append(_Waiting(item, future))
        if not self._scheduled and len(self._batches) < self._in_flight:
            self._scheduled = True
            loop.call_soon(self._start)  # after everything that is ready now has been submitted too
        return await future

    async def close(self) -> None:
        """Refuse new items and finish those that are there."""
        self._closed = True
        while self._queue or self._batches:
            if not self._batches:
                self._start()
            if self._batches:
                await asyncio.wait(self._batches)

    def _start(self) -> None:
        self._scheduled = False
        while self._queue and len(self._batches) < self._in_flight:
            batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
            wanted = [one for one in batch if not one.future.done()]  # who went away changes nothing
            if wanted:
                task = asyncio.get_running_loop().create_task(self._do(wanted))
                self._batches.add(task)
                task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._batches.discard(task)
        if self._queue:
            self._start()

    async def _do(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            await self._do_together(batch)
        finally:
            for one in batch:  # nobody may wait for ever, even if this task was cancelled
                if not one.future.done():
                    one.future.cancel()

    async def _do_together(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            await self._attempt(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the one whose item caused it
            if len(batch) == 1 and not isinstance(error, UniqueViolation):
                batch[0].fail(error)
                return
            for one in batch:
                await self._do_alone(one)

    async def _do_alone(self, one: _Waiting[Item, Result]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._attempt((one,))
            except UniqueViolation as error:  # another node inserted what was not there a moment ago: look again
                if attempt == _ATTEMPTS:
                    one.fail(error)
            except Exception as error:  # noqa: BLE001 - as above
                one.fail(error)
                return
            else:
                return

    async def _attempt(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._run([one.item for one in batch])
        except DatabaseUnavailable as error:
            for one in batch:
                one.fail(error)
            return
        self._next_before_callers()
        for one, result in zip(batch, results, strict=True):
            one.settle(result)

    def _next_before_callers(self) -> None:
        """Begin the next batch before those of this one go on: else the database idles while they are answered."""
        task = asyncio.current_task()
        if task is not None:
            self._finished(task)
