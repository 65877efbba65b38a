"""The engine for many nodes: an asyncpg pool, a transaction per work."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import asyncpg
import sqlalchemy as sa

from switchbay.infra.db import bulk
from switchbay.infra.db.compiled import render
from switchbay.infra.db.door import Params, Row, Statement, Value, Work
from switchbay.infra.db.errors import DatabaseUnavailable, UniqueViolation
from switchbay.infra.db.notices import Notices

T = TypeVar("T")
_TRIES = 4
_RETRIED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server ended a kept connection, which asyncpg finds out while it is being used
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.QueryCanceledError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # takes no connections at present, or a lock is not to be had
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)


class PostgresTx:
    """Statements on one connection inside its transaction."""

    engine: Literal["postgresql"] = "postgresql"

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg publishes no types
        self._connection = connection
        self.callbacks: list[Callable[[], None]] = []

    async def fetch(self, statement: Statement, params: Params | None = None) -> Sequence[Row]:
        """Run a statement and return all its rows."""
        text, values = render(statement, params, "postgresql")
        return await self._rows(text, values)

    async def _rows(self, text: str, values: Sequence[object]) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(text, *values)
        return rows

    async def fetch_one(self, statement: Statement, params: Params | None = None) -> Row | None:
        """Run a statement and return its first row, if any."""
        text, values = render(statement, params, "postgresql")
        row: Row | None = await self._connection.fetchrow(text, *values)
        return row

    async def execute(self, statement: Statement, params: Params | None = None) -> int:
        """Run a statement and return the number of rows it changed."""
        text, values = render(statement, params, "postgresql")
        return _count(await self._connection.execute(text, *values))

    async def insert(self, table: sa.Table, row: Mapping[str, Value]) -> None:
        """Insert one row."""
        await self.insert_many(table, (row,))

    async def insert_many(
        self, table: sa.Table, rows: Sequence[Mapping[str, Value]], *, ignore_conflicts: bool = False
    ) -> int:
        """Insert rows in one statement."""
        if not rows:
            return 0
        columns = tuple(rows[0])
        text = bulk.insert_postgresql(table, columns, ignore_conflicts=ignore_conflicts)
        return _count(await self._connection.execute(text, *bulk.arrays(rows, columns)))

    async def update_many(
        self,
        table: sa.Table,
        rows: Sequence[Mapping[str, Value]],
        *,
        keys: Sequence[str],
        returning: Sequence[str] = (),
    ) -> Sequence[Row]:
        """Update rows in one statement."""
        if not rows:
            return ()
        columns = tuple(rows[0])
        text = bulk.update_postgresql(table, columns, tuple(keys), tuple(returning))
        values: list[object] = [*bulk.arrays(rows, columns)]
        ranged = bulk.range_key(table, keys)
        if ranged is not None:
            values += bulk.bounds(rows, ranged)
        return await self._rows(text, values)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Remember ``callback`` for after the commit."""
        self.callbacks.append(callback)


def _count(tag: str) -> int:
    last = tag.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg publishes no types
    """A pooled connection. Works leave nothing behind but what ends with their transactions, so nothing is put back
    after each: that would be a round trip more for every transaction.
    """

    def get_reset_query(self) -> str:
        """Nothing."""
        return ""


class PostgresDatabase:
    """A pool of connections to one PostgreSQL database."""

    engine: Literal["postgresql"] = "postgresql"

    def __init__(self, pool: Any, acquire_seconds: float, notices: Notices) -> None:  # noqa: ANN401 - asyncpg publishes no types
        self._pool = pool
        self._acquire_seconds = acquire_seconds
        self._notices = notices

    @classmethod
    async def open(cls, url: str, *, connections: int, statement_seconds: float) -> "PostgresDatabase":
        """Connect to ``postgresql://…`` with at most ``connections`` connections."""
        pool = asyncpg.create_pool(
            url,
            min_size=0,  # else the pool keeps trying, and logging, on its own while the server is away
            max_size=connections,
            command_timeout=statement_seconds,
            statement_cache_size=512,
            connection_class=_Connection,
            server_settings={"application_name": "switchbay"},
        )
        try:
            await pool
            async with pool.acquire(timeout=statement_seconds):
                pass  # the address is right and the server is there
        except (*_GONE, asyncpg.PostgresError) as error:
            pool.terminate()
            raise DatabaseUnavailable(type(error).__name__) from error

        async def connect() -> Any:  # noqa: ANN401 - asyncpg publishes no types
            return await asyncpg.connect(
                url,
                timeout=statement_seconds,
                command_timeout=statement_seconds,
                server_settings={"application_name": "switchbay notices"},
            )

        return cls(pool, statement_seconds, Notices(connect))

    async def read(self, work: Work[T]) -> T:
        """Run a reading work in a read-only transaction."""
        return await self._run(work, isolation="repeatable_read", readonly=True)

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction; again, up to three times, when it collided with another."""
        return await self._run(work, isolation="read_committed", readonly=False)

    async def _run(self, work: Work[T], *, isolation: str, readonly: bool) -> T:
        for attempt in range(_TRIES):
            try:
                return await self._once(work, isolation=isolation, readonly=readonly)
            except _RETRIED as error:
                if attempt == _TRIES - 1:
                    raise DatabaseUnavailable("collided too often") from error
                await asyncio.sleep(0.005 * 2**attempt)
            except asyncpg.UniqueViolationError as error:
                raise UniqueViolation(str(error)) from error
            except _GONE as error:
                raise DatabaseUnavailable(type(error).__name__) from error
        raise AssertionError("unreachable")

    async def _once(self, work: Work[T], *, isolation: str, readonly: bool) -> T:
        async with self._pool.acquire(timeout=self._acquire_seconds) as connection:
            tx = PostgresTx(connection)
            async with connection.transaction(isolation=isolation, readonly=readonly):
                result = await work(tx)
        for callback in tx.callbacks:
            callback()
        return result

    def notify(self, channel: str) -> None:
        """Wake whoever listens, on every node."""
        self._notices.notify(channel)

    def listen(self, channel: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called at each notice of any node."""
        return self._notices.listen(channel, callback)

    async def close(self) -> None:
        """Close the pool, giving works under way a moment."""
        await self._notices.close()
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()
