"""The embedded engine: one writer thread with group commit, a few reader threads on snapshots.

Works that arrive while one commit is being written share the next one. A work that fails is rolled back to its
savepoint and does not touch its neighbours. Every commit waits for the disk, see ``sqlite_log``.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from switchbay.infra.db import bulk
from switchbay.infra.db.compiled import render
from switchbay.infra.db.door import Params, Row, Statement, Value, Work
from switchbay.infra.db.errors import DatabaseUnavailable, UniqueViolation
from switchbay.infra.db.sqlite_log import Log
from switchbay.infra.db.turns import OwnMarks, Turns

T = TypeVar("T")
_READERS = 2
_MOST_JOBS_A_COMMIT = 100
_STATEMENT_CACHE = 512
_QUEUE_LIMIT = 20_000
_CACHE_KIB = 8_192
_READERS_CACHE_KIB = 2_048  # the system keeps the file's pages anyway
_UNAVAILABLE = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_NOMEM",
    "SQLITE_PROTOCOL",
)

sqlite3.register_converter("BOOLEAN", lambda raw: raw == b"1")


class _AwaitedOutside(RuntimeError):
    """A work awaited something other than its transaction."""


def _drive(awaitable: Awaitable[T]) -> T:
    """Run a coroutine that never really waits, on a thread that has no event loop."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result
    if isinstance(steps, Coroutine):
        steps.close()
    raise _AwaitedOutside("a unit of work may await nothing but its transaction")


def _translate(error: sqlite3.Error) -> Exception:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        return UniqueViolation(str(error))
    if name.startswith(_UNAVAILABLE):
        return DatabaseUnavailable(name)
    return error


class SqliteTx:
    """Statements on one connection; every call answers before it returns to the event loop."""

    engine: Literal["sqlite"] = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.callbacks: list[Callable[[], None]] = []

    def _run(self, text: str, values: Sequence[Value]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(text, values)
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def fetch(self, statement: Statement, params: Params | None = None) -> Sequence[Row]:
        """Run a statement and return all its rows."""
        return self._rows(*render(statement, params, "sqlite"))

    def _rows(self, text: str, values: Sequence[Value]) -> Sequence[Row]:
        try:
            return self._connection.execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def fetch_one(self, statement: Statement, params: Params | None = None) -> Row | None:
        """Run a statement and return its first row, if any."""
        rows = self._rows(*render(statement, params, "sqlite"))
        return rows[0] if rows else None

    async def execute(self, statement: Statement, params: Params | None = None) -> int:
        """Run a statement and return the number of rows it changed."""
        return self._run(*render(statement, params, "sqlite")).rowcount

    async def insert(self, table: sa.Table, row: Mapping[str, Value]) -> None:
        """Insert one row."""
        await self.insert_many(table, (row,))

    async def insert_many(
        self, table: sa.Table, rows: Sequence[Mapping[str, Value]], *, ignore_conflicts: bool = False
    ) -> int:
        """Insert rows in as few statements as SQLite's variable limit allows."""
        done = 0
        for chunk in bulk.chunks(rows):
            columns = tuple(chunk[0])
            text = bulk.insert_sqlite(table, columns, len(chunk), ignore_conflicts=ignore_conflicts)
            done += self._run(text, bulk.flat(chunk, columns)).rowcount
        return done

    async def update_many(
        self,
        table: sa.Table,
        rows: Sequence[Mapping[str, Value]],
        *,
        keys: Sequence[str],
        returning: Sequence[str] = (),
    ) -> Sequence[Row]:
        """Update rows in as few statements as SQLite's variable limit allows."""
        found: list[Row] = []
        for chunk in bulk.chunks(rows):
            columns = tuple(chunk[0])
            text = bulk.update_sqlite(table, columns, tuple(keys), tuple(returning), len(chunk))
            found.extend(self._rows(text, bulk.flat(chunk, columns)))
        return found

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Remember ``callback`` for after the commit."""
        self.callbacks.append(callback)


class _Job:
    __slots__ = ("callbacks", "error", "future", "loop", "result", "work")

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: object = None
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[], None]] = []


def _connect(path: Path, busy_ms: int, cache_kib: int = _CACHE_KIB) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        detect_types=sqlite3.PARSE_DECLTYPES,
        cached_statements=_STATEMENT_CACHE,
    )
    connection.row_factory = sqlite3.Row
    for pragma in (
        f"busy_timeout={busy_ms}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "wal_autocheckpoint=4000",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        f"cache_size=-{cache_kib}",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class SqliteDatabase:
    """An open SQLite database file."""

    engine: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path, *, busy_ms: int = 5_000, turns: Turns | None = None) -> None:
        self._path = path
        self._turns = turns
        self._busy_ms = busy_ms
        try:
            self._connection = _connect(path, busy_ms)
            self._log = Log(self._connection, path, OwnMarks() if turns is None else turns.marks)
        except sqlite3.Error as error:
            raise DatabaseUnavailable(str(error)) from error
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting = 0
        self._closed = False
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._reader_connections: list[sqlite3.Connection] = []
        self._writer = threading.Thread(target=self._write_until_closed, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def read(self, work: Work[T]) -> T:
        """Run a reading work on a snapshot, on a reader thread."""
        if self._closed:
            raise DatabaseUnavailable("closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_now, work)

    def _read_now(self, work: Work[T]) -> T:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = _connect(self._path, self._busy_ms, _READERS_CACHE_KIB)
                connection.execute("PRAGMA query_only=ON")
                self._local.connection = connection
                self._reader_connections.append(connection)
            connection.execute("BEGIN")
        except sqlite3.Error as error:
            raise _translate(error) from error
        try:
            found = _drive(work(SqliteTx(connection)))
        finally:
            connection.execute("ROLLBACK")
        self._log.make_seen_durable()
        return found

    async def write(self, work: Work[T]) -> T:
        """Have the writer thread run ``work``; return when its commit is on the disk."""
        if self._closed:
            raise DatabaseUnavailable("closed")
        if self._waiting >= _QUEUE_LIMIT:
            raise DatabaseUnavailable("too many writes are waiting")
        job = _Job(work, asyncio.get_running_loop())
        self._waiting += 1
        self._jobs.put(job)
        try:
            result: T = await job.future  # a caller that is cancelled leaves; the work is done all the same
        finally:
            self._waiting -= 1
        return result

    def notify(self, channel: str) -> None:
        """Wake whoever listens; there is no other process."""
        loop = asyncio.get_running_loop()
        for callback in self._listeners.get(channel, ()):
            loop.call_soon(callback)

    def listen(self, channel: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called at each notice."""
        callbacks = self._listeners.setdefault(channel, [])
        callbacks.append(callback)

        def end() -> None:
            if callback in callbacks:
                callbacks.remove(callback)

        return end

    async def close(self) -> None:
        """Finish the works that are queued, then close every connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._readers.shutdown(wait=True)
        for connection in self._reader_connections:
            connection.close()
        self._connection.close()
        self._log.close()

    def _write_until_closed(self) -> None:
        while True:
            first = self._jobs.get()
            if first is None:
                return
            number = 0
            has_turn = self._turns is None or self._turns.take(self._busy_ms / 1000)
            try:
                jobs, is_last = self._join(first)
                if has_turn:
                    number = self._log.begin()
                    self._commit_together(jobs)
                else:
                    _fail(jobs, DatabaseUnavailable("SQLITE_BUSY"))
            finally:
                if has_turn and self._turns is not None:
                    self._turns.give()
            try:
                self._log.make_durable(number)  # the others write meanwhile
            except DatabaseUnavailable as error:
                _fail(jobs, error)
            _report(jobs)
            if is_last:
                return

    def _join(self, first: _Job) -> tuple[list[_Job], bool]:
        """What is written together: a job and those that wait by now; and whether nothing comes after them."""
        jobs = [first]
        while len(jobs) < _MOST_JOBS_A_COMMIT:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit_together(self, jobs: Sequence[_Job]) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            if len(jobs) == 1:  # alone it needs no savepoint
                connection.execute("COMMIT" if self._run(jobs[0]) else "ROLLBACK")
                return
            for job in jobs:
                self._run_in_savepoint(job)
            connection.execute("COMMIT")
        except (sqlite3.Error, DatabaseUnavailable) as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            _fail(jobs, _translate(error) if isinstance(error, sqlite3.Error) else error)

    def _run_in_savepoint(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT work")
        if not self._run(job):
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")

    def _run(self, job: _Job) -> bool:
        """Run a work; tell whether what it did is to stay."""
        tx = SqliteTx(self._connection)
        try:
            job.result = _drive(job.work(tx))
            job.callbacks = tx.callbacks
        except Exception as error:  # whatever a work raises goes to the one who asked for it
            job.error = error
            if not self._connection.in_transaction:  # SQLite itself gave it up: disk full, I/O error
                raise DatabaseUnavailable(str(error)) from error
            return False
        return True


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    for job in jobs:
        job.error = job.error or error
        job.callbacks = []


def _report(jobs: Sequence[_Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, theirs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, theirs)


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.error is not None:
            if not job.future.done():
                job.future.set_exception(job.error)
            continue
        for callback in job.callbacks:
            callback()
        if not job.future.done():
            job.future.set_result(job.result)
