"""LISTEN and NOTIFY of PostgreSQL: what happened on one node wakes the others.

A connection of its own serves both. A notice is sent outside any transaction of the program, after the commit that it
tells of, because PostgreSQL takes a lock for the whole database when a transaction with a notice commits; notices that
gather while one is being sent, and for a moment afterwards, go as one. What is lost while the connection is away costs
delay, never an event: whoever listens also looks by itself from time to time, and is woken when the connection is back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import structlog

_GATHER_SECONDS = 0.01
_CHECK_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0
_STEADY_SECONDS = 30.0
_LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

_log = structlog.get_logger("db")
Callback = Callable[[], None]


class Notices:
    """The listeners of this process and the task that keeps their connection. It connects when it is first needed."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._listeners: dict[str, list[Callback]] = {}
        self._unsent: set[str] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def notify(self, channel: str) -> None:
        """Have whoever listens woken, soon."""
        self._unsent.add(channel)
        self._wake()

    def listen(self, channel: str, callback: Callback) -> Callback:
        """Call ``callback`` at every notice, and when one may have been missed; return how to end that."""
        callbacks = self._listeners.setdefault(channel, [])
        callbacks.append(callback)
        self._wake()

        def end() -> None:
            if callback in callbacks:
                callbacks.remove(callback)

        return end

    async def close(self) -> None:
        """Listen and send no more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _wake(self) -> None:
        self._changed.set()
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="database-notices")

    def _tell(self, channel: str) -> None:
        for callback in tuple(self._listeners.get(channel, ())):
            callback()

    def _heard(self, _connection: object, _process: int, channel: str, _payload: str) -> None:
        self._tell(channel)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        wait = _FIRST_WAIT_SECONDS
        while True:
            began = clock()
            try:
                await self._connect_and_talk()
            except _LOST as error:
                _log.warning("nodes do not wake each other until the database answers", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - whatever it is, it must be tried again
                _log.exception("notices failed")
            if clock() - began > _STEADY_SECONDS:
                wait = _FIRST_WAIT_SECONDS
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    async def _connect_and_talk(self) -> None:
        connection = await self._connect()
        try:
            connection.add_termination_listener(lambda _connection: self._changed.set())
            heard: set[str] = set()
            while not connection.is_closed():
                self._changed.clear()
                for channel in self._listeners.keys() - heard:
                    await connection.add_listener(channel, self._heard)
                    heard.add(channel)
                    self._tell(channel)  # it may have missed some
                await self._send(connection)
                await self._rest(connection)
        finally:
            connection.terminate()

    async def _send(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg publishes no types
        if not self._unsent:
            return
        sending, self._unsent = self._unsent, set()
        try:
            await connection.execute("SELECT pg_notify(channel, '') FROM unnest($1::text[]) AS channel", list(sending))
        except BaseException:
            self._unsent |= sending
            raise
        await asyncio.sleep(_GATHER_SECONDS)

    async def _rest(self, connection: Any) -> None:  # noqa: ANN401 - as above
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._changed.wait()
            return
        await connection.execute("SELECT 1")  # a connection that died without a word is found out
