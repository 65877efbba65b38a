"""Group commit: work that arrives together is done together.

A ``Batcher`` runs what has been submitted in batches. There is no waiting for a batch to fill: the first item starts
one, and what arrives while it is under way makes up the next. Each caller gets its own result or its own error.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from switchbay.infra.db.errors import DatabaseUnavailable
from switchbay.kit.errors import AppError, Kind

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Collects items and runs them with ``run``, which returns one result or error per item, in their order.

    When ``run`` itself fails, its items are run again one by one, so that a bad one does not spoil the others; ``run``
    must therefore have no effect when it fails. ``DatabaseUnavailable`` goes to every caller of the batch instead.
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
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
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
        self._queue.append((item, future))
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
            await asyncio.wait(self._batches)

    def _start(self) -> None:
        self._scheduled = False
        while self._queue and len(self._batches) < self._in_flight:
            batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
            wanted = [(item, future) for item, future in batch if not future.done()]  # who went away changes nothing
            if wanted:
                task = asyncio.get_running_loop().create_task(self._do(wanted))
                self._batches.add(task)
                task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        if self._queue:
            self._start()

    async def _do(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
        except DatabaseUnavailable as error:
            for _, future in batch:
                _fail(future, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the one whose item caused it
            if len(batch) == 1:
                _fail(batch[0][1], error)
                return
            for one in batch:
                await self._do([one])
        except BaseException:  # the batch's task was cancelled: its callers must not wait for ever
            for _, future in batch:
                future.cancel()
            raise
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if isinstance(result, AppError):
                    _fail(future, result)
                elif not future.done():
                    future.set_result(result)


def _fail(future: "asyncio.Future[Result]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
