"""A PostgreSQL database that the tests of one process use one after the other, and what empties it in between."""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from typing import Any, TypeVar

import asyncpg

T = TypeVar("T")

_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


class KeptDatabase:
    """The database at ``url``. Its one connection stays open, on an event loop of its own.

    Connecting costs the server as much as a small test does, and planning a DELETE for each table several times that.
    So both are done once: the statements are a function of the connection, whose plans PostgreSQL keeps.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: Any = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def empty(self) -> None:
        """End every other connection and delete all rows."""
        try:
            self._wait(self._empty())
        except (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError):
            self._connection = None  # the test before ended this one, too
            self._wait(self._empty())

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _empty(self) -> None:
        if self._connection is None:
            self._connection = await self._connect()
        await self._connection.execute(_OTHERS)
        await self._connection.execute("SELECT pg_temp.empty_tables()")

    async def _connect(self) -> Any:
        connection = await asyncpg.connect(self.url)
        names = [row["tablename"] for row in await connection.fetch(_TABLES)]
        deletes = "".join(f'DELETE FROM "{name}"; ' for name in names)  # noqa: S608 - the database's own names
        await connection.execute("SET session_replication_role = replica")  # past the triggers that keep the audit log
        await connection.execute(
            f"CREATE FUNCTION pg_temp.empty_tables() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {deletes} END $$"
        )
        return connection

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
